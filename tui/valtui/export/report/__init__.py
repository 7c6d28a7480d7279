"""A session as one page that needs nothing else: no network, no script."""

from valtui.export.report.content import Content, Documents
from valtui.export.report.page import BEGINNING, page

__all__ = ["BEGINNING", "Content", "Documents", "page"]
