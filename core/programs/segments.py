"""The written text of a submission's statements and expressions, found by their places."""

import ast


class Segments:
    """A text that parts of its tree are looked up in: to write a tree anew takes long, and changes it."""

    def __init__(self, text: str) -> None:
        self._lines = text.encode().split(b"\n")

    def of(self, node: ast.stmt | ast.expr) -> str:
        """Return what was written for a node; its first line begins where the node does."""
        assert node.end_lineno is not None
        lines = self._lines[node.lineno - 1 : node.end_lineno]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b"\n".join(lines).decode()

    def alone(self, statement: ast.stmt) -> str:
        """Return a statement as a text of its own; of an `if` or `try` what it looks at, not its branches."""
        looked_at: list[ast.expr] = list(getattr(statement, "decorator_list", []))
        whole = ""
        if isinstance(statement, ast.If):
            looked_at = [statement.test]
        elif isinstance(statement, ast.Try | ast.TryStar):
            looked_at = [handler.type for handler in statement.handlers if handler.type]
        else:
            indent = self._lines[statement.lineno - 1][: statement.col_offset].decode()
            is_indented = indent != "" and indent.isspace()
            whole = f"if 1:\n{indent}{self.of(statement)}" if is_indented else self.of(statement)
        return "".join(f"({self.of(expression)}\n)\n" for expression in looked_at) + whole
