"""JupyterHub on this machine alone, to try a course with: `start.py` reads this. A real hub needs more: see docs/hub.md."""

import os
import sys
from pathlib import Path

folder = Path(os.environ["STYLELAB_HUB"])
c = get_config()  # noqa: F821

c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.db_url = f"sqlite:///{folder}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
c.JupyterHub.log_level = "WARN"
c.ConfigurableHTTPProxy.command = [f"{sys.prefix}/proxy/node_modules/.bin/configurable-http-proxy"]
c.ConfigurableHTTPProxy.log_level = "error"
c.ConfigurableHTTPProxy.pid_file = str(folder / "proxy.pid")

# anybody who knows the one password, under any name: for a class, use the authenticator of your university instead
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = os.environ.pop("STYLELAB_HUB_PASSWORD")
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = r"[a-z][a-z0-9_-]{0,30}"  # each becomes a folder

# everybody's notebooks run as the user who started the hub, and could read each other's: for a class, a spawner that isolates them
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(folder / "users" / "{username}")
c.Spawner.default_url = "/lab"
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
c.Spawner.environment = {"STYLELAB_HAND_IN": str(folder / "hand-in")}  # for a course that does not say where it collects
c.Spawner.args = ["--LabApp.extension_manager=readonly"]
if hasattr(os, "geteuid") and os.geteuid() == 0:
    c.Spawner.args += ["--allow-root"]
