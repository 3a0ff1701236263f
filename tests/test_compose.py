"""The production set-up in docker-compose.yml: what it gives to which service."""

import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.compose

ROOT = Path(__file__).parents[1]
WANTED = {"LETHE_POSTGRES_PASSWORD": "s3cret/with:marks@#", "LETHE_DOCKER_GID": "998"}
OURS = {"migrate", "api", "worker", "gpu-worker", "sweeper", "courier"}
SOCKET = "/var/run/docker.sock"


class Compose:
    """Reads the file with the given variables and no others of Lethe's."""

    def __init__(self, empty: Path) -> None:
        self._command = [
            "docker-compose",
            "--profile",
            "gpu",
            "--env-file",
            str(empty),
            "--file",
            str(ROOT / "docker-compose.yml"),
        ]

    def try_config(self, **variables: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LETHE_")}
        return subprocess.run(
            [*self._command, "config"], env=inherited | variables, capture_output=True, text=True, check=False
        )

    def config(self, **variables: str) -> dict[str, Any]:
        result = self.try_config(**variables)
        assert result.returncode == 0, result.stderr
        assert not result.stderr
        read: dict[str, Any] = yaml.safe_load(result.stdout)
        return read


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Compose:
    empty = tmp_path_factory.mktemp("compose") / "empty.env"  # instead of a developer's own .env
    empty.touch()
    return Compose(empty)


@pytest.fixture(scope="module")
def config(compose: Compose) -> dict[str, Any]:
    return compose.config(**WANTED)


@pytest.fixture(scope="module")
def services(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = config["services"]
    return found


def test_services_are_lethes_own_and_its_database_and_broker(services):
    assert set(services) == OURS | {"postgres", "valkey"}


@pytest.mark.parametrize("name", WANTED)
def test_missing_value_is_refused_by_name(compose, name):
    result = compose.try_config(**{other: value for other, value in WANTED.items() if other != name})
    assert result.returncode != 0
    assert name in result.stderr


def test_password_comes_from_the_environment_and_stands_in_one_variable(services):
    password = WANTED["LETHE_POSTGRES_PASSWORD"]
    for name in OURS | {"postgres"}:
        holding = [key for key, value in services[name]["environment"].items() if password in str(value)]
        assert holding == ["POSTGRES_PASSWORD" if name == "postgres" else "PGPASSWORD"]
        assert str(services[name]).count(password) == 1
    assert password not in str(services["valkey"])


def test_only_the_workers_hold_the_engines_socket(services):
    holders = {name for name, service in services.items() if SOCKET in str(service.get("volumes"))}
    assert holders == {"worker", "gpu-worker"}
    for name in holders:
        assert services[name]["environment"]["LETHE_SANDBOX"] == "docker"
        assert services[name]["environment"]["LETHE_MODE"] == "production"


def test_only_a_worker_of_its_own_has_gpus_and_only_if_it_is_asked_for(compose):
    services = compose.config(**WANTED, LETHE_SANDBOX_GPUS="0,1", LETHE_NODE_NAME="host-7")["services"]
    having = {name for name, service in services.items() if "LETHE_SANDBOX_GPUS" in str(service)}
    reserving = {name for name, service in services.items() if "nvidia" in str(service.get("deploy"))}
    assert having == reserving == {"gpu-worker"}
    on_gpus = services["gpu-worker"]
    assert on_gpus["profiles"] == ["gpu"]
    assert on_gpus["environment"]["LETHE_SANDBOX_GPUS"] == "0,1"
    names = [services[name]["environment"]["LETHE_NODE_NAME"] for name in ("worker", "gpu-worker")]
    assert names == ["host-7", "host-7-gpu"]


def test_worker_with_gpus_keeps_their_locks_in_a_volume_that_it_may_write(services):
    on_gpus = services["gpu-worker"]
    folder = f"{on_gpus['environment']['LETHE_HOME']}/gpus"
    assert any(folder in str(volume) for volume in on_gpus["volumes"])
    made = "install --directory --owner=lethe"  # a volume takes over the owner of the folder in the image
    (line,) = (line for line in (ROOT / "Dockerfile").read_text().splitlines() if made in line)
    assert folder in line.split()


def test_only_the_api_publishes_a_port_and_only_to_this_host(services):
    assert {name for name, service in services.items() if "ports" in service} == {"api"}
    assert "127.0.0.1" in str(services["api"]["ports"])


def test_only_api_and_courier_are_on_a_network_with_a_way_out(config, services):
    going_out = {name for name, service in services.items() if set(service["networks"]) != {"inside"}}
    assert going_out == {"api", "courier"}
    assert config["networks"]["inside"]["internal"] is True


def test_courier_which_calls_strangers_addresses_holds_no_files(services):
    assert not services["courier"].get("volumes")


def test_every_service_starts_again_but_the_migration(services):
    lasting = {name for name, service in services.items() if service["restart"] == "unless-stopped"}
    assert lasting == set(services) - {"migrate"}
    assert services["migrate"]["restart"] == "no"


def test_servers_have_a_health_check(services):
    checked = {name for name, service in services.items() if "healthcheck" in service}
    assert checked == {"postgres", "valkey", "api"}


def test_everything_of_ours_waits_for_the_migrated_database(services):
    for name in OURS - {"migrate"}:
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_write_to_volumes_only_and_hold_no_capability(services, name):
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_images_can_be_replaced_through_the_environment(compose):
    names = ("API", "WORKER", "POSTGRES", "VALKEY")
    images = {f"LETHE_{name}_IMAGE": f"mirror/{name.lower()}" for name in names}
    found = compose.config(**WANTED, **images, LETHE_PYTHON_IMAGE="mirror/python")["services"]
    assert {service["image"] for service in found.values()} == set(images.values())
    assert {found[name]["build"]["args"]["BASE"] for name in OURS} == {"mirror/python"}


def test_build_context_holds_every_package_of_the_wheel():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert let_through == {*wheel["packages"], "pyproject.toml", "constraints.txt", "README.md"}
