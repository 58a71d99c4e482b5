import os
from pathlib import Path

import pytest

import pipelines.home as home_module
from pipelines.cli.status import study_states
from pipelines.home import Home, project_version, resolve_home
from schemas.errors import StoreError

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGRADE_HOME", raising=False)


def test_the_option_goes_before_the_environment_and_that_before_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve_home().root == CHECKOUT / "warehouse"
    monkeypatch.setenv("REGRADE_HOME", str(tmp_path / "environment"))
    assert resolve_home().root == tmp_path / "environment"
    assert resolve_home(tmp_path / "option").root == tmp_path / "option"
    assert resolve_home(str(tmp_path / "option")).root == tmp_path / "option"


def test_an_empty_option_or_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_HOME", " ")
    assert resolve_home("").root == CHECKOUT / "warehouse"


def test_resolving_a_home_makes_nothing(tmp_path: Path) -> None:
    resolve_home(tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_ensure_makes_landing_and_runs_and_may_be_repeated(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    assert home.ensure() is home
    assert home.ensure().landing.is_dir()
    assert home.runs.is_dir()


def test_an_installed_copy_has_no_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "_CODE_ROOT", tmp_path / "site-packages")
    with pytest.raises(StoreError, match=r"installed copy.*--home FOLDER or set REGRADE_HOME"):
        resolve_home()
    with pytest.raises(StoreError, match="inside the installed program"):
        resolve_home(tmp_path / "site-packages" / "warehouse")
    assert resolve_home(tmp_path / "elsewhere").root == tmp_path / "elsewhere"


def test_a_checkout_of_something_else_is_no_checkout(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "1"\n')
    assert project_version(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("not toml at all =")
    assert project_version(tmp_path) is None


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StoreError, match=r"home: the data home cannot be written.*--home or REGRADE_HOME"):
        Home(tmp_path / "home").ensure()


def test_a_read_only_home_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home").ensure()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match=r"cannot be written.*make the folder writable"):
        home.ensure()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match="Read-only file system"):
        Home(tmp_path / "home").ensure()


def test_studies_are_folders_with_a_manifest_and_a_plain_name(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    assert Home(tmp_path / "none").studies() == ()
    for name in ("B-2", "A.1", ".hidden", "with blank", "no-manifest"):
        (home.landing / name).mkdir()
        if name != "no-manifest":
            (home.landing / name / "study.yaml").write_text("")
    (home.landing / "README.md").write_text("")
    assert home.studies() == ("A.1", "B-2")


@pytest.mark.parametrize("study_id", ["", "../up", "a/b", ".work", "x" * 65, "a b"])
def test_a_study_id_is_a_plain_folder_name(tmp_path: Path, study_id: str) -> None:
    with pytest.raises(StoreError, match="no study identifier"):
        Home(tmp_path).study_folder(study_id)


def test_the_dagster_home_gets_the_shipped_configuration_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    configuration = home.ensure_dagster() / "dagster.yaml"
    assert "enabled: false" in configuration.read_text()
    configuration.write_text("# edited\n")
    home.ensure_dagster()
    assert configuration.read_text() == "# edited\n"


@pytest.mark.parametrize("given", ["~nobody-of-that-name/home", "round"])
def test_a_home_that_no_path_leads_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "round").symlink_to("round")
    for option, variable in ((given, ""), (None, given)):
        monkeypatch.setenv("REGRADE_HOME", variable)
        with pytest.raises(
            StoreError, match=r"a user the system does not know|goes round in links"
        ) as raised:
            resolve_home(option)
        assert raised.value.next_action


def test_a_study_folder_nobody_may_look_into_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path).ensure()
    for name in ("LOCKED", "OPEN"):
        (home.landing / name).mkdir()
        (home.landing / name / "study.yaml").write_text(f"study: {name}\n")
    is_file = Path.is_file

    def refused(path: Path) -> bool:
        if path.parent.name == "LOCKED":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refused)  # root may look into every folder
    assert home.studies() == ("LOCKED", "OPEN")
    states = {state.study_id: (state.state, state.error) for state in study_states(home, {})}
    assert "LOCKED" in str(states["LOCKED"][1])
    assert states["OPEN"][0] == "error"
    assert "OPEN/study.yaml, column files" in str(states["OPEN"][1])
