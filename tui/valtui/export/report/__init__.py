"""A session as one page that needs nothing else: no network, no script."""

from valtui.export.report.content import Content, Documents
from valtui.export.report.page import MADE_BY, page

__all__ = ["MADE_BY", "Content", "Documents", "page"]
