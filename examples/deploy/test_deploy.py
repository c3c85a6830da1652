"""What the Dockerfiles and the examples of deploying name is there in the example apps."""

import fnmatch
import json
import re
import unittest
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent
EXAMPLES = DEPLOY.parent
RUNTIMES = ("python", "node", "bun", "go", "ruby", "elixir")
# The program that each image runs, where its route for the health check is, and the file of the worker that its comment names.
SERVED = {
    "python": ("fastapi_app.py", "shop.py"),
    "node": ("hono-app.js", "shop.js"),
    "bun": ("serve-app.js", "shop.js"),
    "go": ("server/main.go", "shop/shop.go"),
    "ruby": ("rack_app.ru", "shop.rb"),
    "elixir": ("lib/shop/router.ex", "lib/shop/hooks.ex"),
}
SECRETS = ("STRIPE_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET")


def dockerfile(runtime: str) -> list[tuple[str, str]]:
    """Its instructions, without comments and line ends."""
    lines = [line for line in (EXAMPLES / runtime / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]


def last(runtime: str, instruction: str) -> str:
    return [rest for name, rest in dockerfile(runtime) if name == instruction][-1]


def sent_to_the_build(runtime: str, path: str) -> bool:
    """What .dockerignore lets through: it refuses all, then names what is taken."""
    taken = False
    for rule in (EXAMPLES / runtime / ".dockerignore").read_text().split():
        pattern = rule.removeprefix("!").removeprefix("**/")
        if (
            fnmatch.fnmatch(path, pattern)
            or path.startswith(f"{pattern}/")
            or ("**/" in rule and fnmatch.fnmatch(Path(path).name, pattern))
        ):
            taken = rule.startswith("!")
    return taken


class Images(unittest.TestCase):
    def test_every_image_runs_a_file_of_its_example_that_has_the_route_of_its_health_check(self):
        for runtime, (served, shop) in SERVED.items():
            with self.subTest(runtime):
                self.assertIn("/health", (EXAMPLES / runtime / served).read_text())
                for path in (served, shop):
                    self.assertTrue(sent_to_the_build(runtime, path), path)
                program = json.loads(last(runtime, "CMD"))
                name = Path(served).stem if runtime == "python" else Path(served).parts[0] if runtime == "go" else served
                self.assertIn(name if runtime != "elixir" else "shop", " ".join(program))
                self.assertIn(f":{last(runtime, 'EXPOSE')}/health", last(runtime, "HEALTHCHECK"))

    def test_what_is_copied_is_there_and_sent_to_the_build(self):
        for runtime in RUNTIMES:
            for name, rest in dockerfile(runtime):
                if name != "COPY" or rest.startswith("--from") or rest == ". .":
                    continue
                for path in rest.split()[:-1]:
                    with self.subTest(runtime, path=path):
                        self.assertTrue((EXAMPLES / runtime / path).is_file())
                        self.assertTrue(sent_to_the_build(runtime, path))

    def test_no_secret_database_or_test_is_sent_to_the_build(self):
        for runtime in RUNTIMES:
            for path in ("shop.db", "shop.db-wal", ".env", "node_modules/x.js", "shop/shop_test.go", "_build/prod/x"):
                with self.subTest(runtime, path=path):
                    self.assertFalse(sent_to_the_build(runtime, path))

    def test_no_secret_is_in_an_image_and_the_file_is_on_its_volume(self):
        for runtime in RUNTIMES:
            with self.subTest(runtime):
                text = " ".join(rest for _, rest in dockerfile(runtime))
                self.assertNotRegex(text, r"\w*(SECRET|TOKEN|PASSWORD)\w*=")
                self.assertEqual(last(runtime, "VOLUME"), "/data")
                self.assertIn("SHOP_DB=/data/shop.db", last(runtime, "ENV"))
                self.assertEqual(last(runtime, "USER"), "10001:10001")
                self.assertEqual(last(runtime, "STOPSIGNAL"), "SIGTERM")

    def test_images_from_elsewhere_have_a_tag(self):
        for runtime in RUNTIMES:
            stages = {rest.split(" AS ")[1] for name, rest in dockerfile(runtime) if name == "FROM" and " AS " in rest}
            for name, rest in dockerfile(runtime):
                image = rest.split(" AS ")[0]
                if name == "FROM" and image != "scratch" and not {image.replace("${BASE}", base) for base in ("slim", "alpine")} <= stages:
                    with self.subTest(runtime, image=image):
                        self.assertRegex(image, r":[\w$]")

    def test_the_examples_read_the_settings_that_are_given(self):
        for runtime in RUNTIMES:
            sources = "".join(
                path.read_text() for path in (EXAMPLES / runtime).rglob("*") if path.suffix in {".py", ".js", ".go", ".rb", ".ex"}
            )
            for name in ("SHOP_DB", *SECRETS):
                with self.subTest(runtime, name=name):
                    self.assertIn(name, sources)


class Orchestrators(unittest.TestCase):
    def test_the_pod_is_alone_and_asks_the_image(self):
        text = (DEPLOY / "kubernetes/shop.yaml").read_text()
        self.assertIn("replicas: 1\n", text)
        self.assertIn("type: Recreate\n", text)
        self.assertIn(f"containerPort: {last('python', 'EXPOSE')}}}", text)
        self.assertEqual(set(re.findall(r"path: (/\w+)", text)), {"/health"})
        self.assertIn("mountPath: /data}", text)
        self.assertIn('command: [python, -m, knocker, worker, "shop:hooks"]', text)

    def test_the_machine_of_fly_asks_the_image(self):
        fly = (DEPLOY / "fly/fly.toml").read_text()
        self.assertIn(f"internal_port = {last('node', 'EXPOSE')}\n", fly)
        self.assertEqual(re.findall(r'path = "(.*)"', fly), ["/health"])
        self.assertEqual(re.findall(r'destination = "(.*)"', fly), [last("node", "VOLUME")])
        self.assertNotRegex(fly, r"(?m)^\[processes\]")
        # The worker is in the server's process there.
        self.assertIn("hooks.work(", (EXAMPLES / "node" / json.loads(last("node", "CMD"))[1]).read_text())

    def test_the_units_run_the_example_on_one_file(self):
        units = [(DEPLOY / f"systemd/shop-{name}.service").read_text() for name in ("web", "worker")]
        for unit in units:
            self.assertIn("Environment=SHOP_DB=/var/lib/shop/shop.db\n", unit)
            self.assertIn("StateDirectory=shop\n", unit)
        self.assertRegex(units[0], "ExecStart=.*/uvicorn fastapi_app:app .*--port 8000")
        self.assertRegex(units[1], "ExecStart=.*/python -m knocker worker shop:hooks\n")

    def test_everything_waits_longer_than_the_readme_says(self):
        waits = {
            "systemd": re.search(r"TimeoutStopSec=(\d+)", (DEPLOY / "systemd/shop-worker.service").read_text())[1],
            "kubernetes": re.search(r"terminationGracePeriodSeconds: (\d+)", (DEPLOY / "kubernetes/shop.yaml").read_text())[1],
            "fly": re.search(r'kill_timeout = "(\d+)s"', (DEPLOY / "fly/fly.toml").read_text())[1],
            "docker": re.search(r"--stop-timeout (\d+)", (DEPLOY / "README.md").read_text())[1],
        }
        self.assertEqual(set(waits.values()), {"120"})


if __name__ == "__main__":
    unittest.main()
