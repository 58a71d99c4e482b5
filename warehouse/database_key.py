"""The key of an encrypted warehouse file, and what DuckDB needs to write and open one.

What may live here: where the key is, and the SQL options it becomes. What may not: reading one
(`pipelines.secret_key`), pseudonyms, queries. The key comes from the environment or from a file that only its
owner can read, never from a command line, and is part of no record: not of the content key, a seal, the
ledger or a message.

DuckDB encrypts with AES-256-GCM in the storage format of 1.4, so clients before 1.4 cannot open such a file.
The library in its wheel decrypts; to encrypt it would draw nonces from a generator that is not made for that,
so it refuses to write unless the `httpfs` extension (OpenSSL) is installed on the machine, or the weaker way
is chosen in so many words: REGRADE_DATABASE_CRYPTO=unsafe. Nothing is ever downloaded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from pipelines.home import given_path
from pipelines.secret_key import key_of_file, key_of_variable, setting
from schemas.errors import StoreError

KEY_VARIABLE: Final = "REGRADE_DATABASE_KEY"
FILE_VARIABLE: Final = "REGRADE_DATABASE_KEY_FILE"
CRYPTO_VARIABLE: Final = "REGRADE_DATABASE_CRYPTO"
_WHAT: Final = "the key of the warehouse file"
PLAIN_STORAGE: Final = "v1.2.0"
"""DuckDB 1.2 and later can open the file; 2.0's own default would lock out every 1.x client."""
ENCRYPTED_STORAGE: Final = "v1.4.0"
_FLAGS: Final = slice(20, 28)
"""Where the header of a DuckDB file has its flags; the lowest bit says that it is encrypted."""


@dataclass(frozen=True)
class DatabaseKey:
    """A key; printing or formatting one never shows it."""

    text: str = field(repr=False)

    def option(self) -> str:
        """The option of ATTACH."""
        return f"ENCRYPTION_KEY '{self.text.replace(chr(39), chr(39) * 2)}'"


def read_database_key() -> DatabaseKey | None:
    """The key of the environment; None where the file shall be plain.

    Raises `StoreError` for two keys, and for one that `pipelines.secret_key` does not take.
    """
    named = setting(FILE_VARIABLE)
    if named is not None and setting(KEY_VARIABLE) is not None:
        raise StoreError(
            f"{KEY_VARIABLE} and {FILE_VARIABLE} are both set",
            next_action="keep one of them, unset the other",
        )
    if named is None:
        text = key_of_variable(_WHAT, KEY_VARIABLE)
    else:
        action = f"correct {FILE_VARIABLE}, or make the file readable for you alone"
        text = key_of_file(_WHAT, given_path(named, FILE_VARIABLE), action)
    return None if text is None else DatabaseKey(text)


def storage_version(key: DatabaseKey | None) -> str:
    """Storage format of the file: the oldest that can hold it."""
    return PLAIN_STORAGE if key is None else ENCRYPTED_STORAGE


def attach_options(key: DatabaseKey | None, *options: str) -> str:
    """The options of ATTACH in parentheses; nothing where there are none."""
    every = [*options, *([] if key is None else [key.option()])]
    return f"({', '.join(every)})" if every else ""


def is_encrypted(path: Path) -> bool:
    """Whether a DuckDB file is encrypted, by its header; False for what is no DuckDB file or not there."""
    try:
        with path.open("rb") as file:
            header = file.read(_FLAGS.stop)
    except OSError:
        return False
    return header[8:12] == b"DUCK" and bool(int.from_bytes(header[_FLAGS], "little") & 1)


def require_key_for(path: Path, key: DatabaseKey | None) -> None:
    """Refuse to open or replace an encrypted file without a key. Raises `StoreError`."""
    if key is None and is_encrypted(path):
        raise StoreError(
            "the warehouse file is encrypted and there is no key",
            file=str(path),
            next_action=f"set {KEY_VARIABLE}, or {FILE_VARIABLE} to a file with the key; for a plain file "
            "again, delete this one and run regrade publish",
        )


def prepare_to_encrypt(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection what it needs to write an encrypted file. Raises `StoreError` where it has none."""
    if os.environ.get(CRYPTO_VARIABLE, "").strip().casefold() == "unsafe":
        connection.execute("SET force_mbedtls_unsafe = true")
        return
    try:
        connection.execute("LOAD httpfs")  # as installed by somebody; never from the network
    except duckdb.Error:
        raise StoreError(
            "DuckDB cannot write an encrypted file without its httpfs extension (OpenSSL), which is not here",
            next_action=f"install it for DuckDB {duckdb.__version__} (INSTALL httpfs), or unset the key and "
            "keep the data home on an encrypted disk, or accept the built-in library's weaker nonces with "
            f"{CRYPTO_VARIABLE}=unsafe",
        ) from None
