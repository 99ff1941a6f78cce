"""What is known of each language: its files, its grammar, and where its syntax trees say that a name is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from graphcl.core.errors import UserError, require, suggestion

EXTRA = "code"


@dataclass(frozen=True)
class Language:
    """A language.

    Attributes:
        name: As in ``data.language``.
        suffixes: Of its files.
        module: Package of its grammar, and ``function`` in it that gives it.
        function: See ``module``.
        functions: Kinds of nodes that are a function or method.
        declares: Kind of a node -> its fields whose identifier it declares; ``*`` is any child.
        kept: Names of the user's that mean something to the language and are never renamed.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    functions: frozenset[str]
    declares: Mapping[str, frozenset[str]]
    function: str = "language"
    kept: frozenset[str] = field(default_factory=lambda: frozenset({"main"}))


def _table(text: str) -> dict[str, frozenset[str]]:
    """``kind:field,field kind`` -> kind -> fields; a kind alone is any child."""
    pairs = (entry.partition(":") for entry in text.split())
    return {kind: frozenset(fields.split(",") if fields else "*") for kind, _, fields in pairs}


_C = """
    init_declarator:declarator declaration:declarator parameter_declaration:declarator array_declarator:declarator
    optional_parameter_declaration:declarator pointer_declarator:declarator function_declarator:declarator
    reference_declarator parenthesized_declarator for_range_loop:declarator structured_binding_declarator
    enumerator:name preproc_def:name preproc_function_def:name preproc_params
"""
LANGUAGES: tuple[Language, ...] = (
    Language("c", (".c", ".h"), "tree_sitter_c", frozenset({"function_definition"}), _table(_C)),
    Language(
        "cpp", (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx"), "tree_sitter_cpp", frozenset({"function_definition"}),
        _table(_C),
    ),
    Language(
        "go", (".go",), "tree_sitter_go", frozenset({"function_declaration", "method_declaration"}),
        _table("""short_var_declaration:left range_clause:left parameter_declaration:name var_spec:name const_spec:name
                  function_declaration:name variadic_parameter_declaration:name"""),
        kept=frozenset({"main", "init", "_"}),
    ),
    Language(
        "java", (".java",), "tree_sitter_java", frozenset({"method_declaration", "constructor_declaration"}),
        _table("""variable_declarator:name formal_parameter:name enhanced_for_statement:name resource:name
                  catch_formal_parameter:name inferred_parameters lambda_expression:parameters"""),
    ),
    Language(
        "javascript", (".js", ".mjs", ".cjs", ".jsx"), "tree_sitter_javascript",
        frozenset({"function_declaration", "method_definition", "generator_function_declaration"}),
        _table("""variable_declarator:name formal_parameters assignment_pattern:left arrow_function:parameter
                  function_declaration:name for_in_statement:left catch_clause:parameter rest_pattern array_pattern"""),
    ),
    Language(
        "php", (".php",), "tree_sitter_php", frozenset({"function_definition", "method_declaration"}),
        _table("variable_name"), function="language_php", kept=frozenset({"this"}),
    ),
    Language(
        "python", (".py", ".pyw"), "tree_sitter_python", frozenset({"function_definition"}),
        _table("""assignment:left for_statement:left for_in_clause:left parameters lambda_parameters pattern_list
                  tuple_pattern list_pattern default_parameter:name typed_parameter typed_default_parameter:name
                  list_splat_pattern dictionary_splat_pattern named_expression:name as_pattern_target
                  function_definition:name"""),
        kept=frozenset({"self", "cls", "main", "_"}),
    ),
    Language(
        "ruby", (".rb",), "tree_sitter_ruby", frozenset({"method", "singleton_method"}),
        _table("""assignment:left operator_assignment:left left_assignment_list method_parameters block_parameters
                  lambda_parameters optional_parameter:name for:pattern"""),
    ),
)  # fmt: skip
#: Leaves that are names.
NAMES = frozenset({
    "identifier", "name", "field_identifier", "property_identifier", "type_identifier", "constant",
    "instance_variable", "global_variable", "shorthand_property_identifier", "shorthand_property_identifier_pattern",
})  # fmt: skip
#: Those that may be declared names of variables and functions.
RENAMED = frozenset({"identifier", "name"})
#: Fields in which an identifier is a member of something else, or a keyword of somebody else's function.
MEMBER_FIELDS = frozenset({"field", "attribute", "property", "method"})
MEMBER_PARENTS = frozenset({"keyword_argument", "method_invocation", "member_access_expression"})
#: Nodes that say nothing to the program.
SILENT = frozenset({"comment", "line_comment", "block_comment", "string_start", "string_end", "php_tag"})
#: Signs that only hold the text together, or are told by the kind of the node that they are in.
_SIGNS = "( ) { } [ ] , ; : . \" ' ` = $ @ # -> :: ? | #{ ${ \\ => :="
PUNCTUATION = frozenset(_SIGNS.split()) | {"\n", ""}


def language_of(suffix: str) -> Language | None:
    """The language of files that end so; None for no code that is known."""
    return next((known for known in LANGUAGES if suffix.lower() in known.suffixes), None)


def language_named(name: str) -> Language:
    """The language of that name.

    Raises:
        UserError: none is called so.
    """
    found = next((known for known in LANGUAGES if known.name == name), None)
    if found is None:
        raise UserError(f"unknown language {name!r}{suggestion(name, [known.name for known in LANGUAGES])}")
    return found


@cache
def parser(name: str) -> Any:
    """The parser of a language by name, of the wheels of single grammars.

    Raises:
        MissingExtra: tree-sitter or the grammar is not installed.
    """
    known = language_named(name)
    core, grammar = require("tree_sitter", EXTRA), require(known.module, EXTRA)
    return core.Parser(core.Language(getattr(grammar, known.function)()))
