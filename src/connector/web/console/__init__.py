"""The console: server-rendered pages for administrators, over the same use cases and realms as the Director API."""

from connector.web.console.desk import Desk, SettingLine
from connector.web.console.layout import compile_templates
from connector.web.console.routes import PAGES, routes

__all__ = ["PAGES", "Desk", "SettingLine", "compile_templates", "routes"]
