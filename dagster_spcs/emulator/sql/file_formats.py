"""File formats: what is understood of CSV, JSON and Parquet, and how DuckDB reads and writes it.

Options are those of page "CREATE FILE FORMAT". One that would change what is read, and is not
emulated, is refused by name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dagster_spcs.emulator.sql.answers import compilation_error, not_emulated
from dagster_spcs.emulator.sql.quoting import duckdb_literal
from dagster_spcs.emulator.sql.words import Kind, Words

Type = Literal["CSV", "JSON", "PARQUET"]
Value = str | int | bool | list[str]

_AUTO = ("AUTO", "NONE", "UTF8", "UTF-8", "HEX")
_WITHOUT_EFFECT = frozenset(
    {"BINARY_AS_TEXT", "ENCODING", "FILE_EXTENSION", "MULTI_LINE", "PARSE_DELIMITERS"}
    | {
        "REPLACE_INVALID_CHARACTERS",
        "SKIP_BLANK_LINES",
        "SKIP_BYTE_ORDER_MARK",
        "SNAPPY_COMPRESSION",
    }
    | {"USE_LOGICAL_TYPE", "USE_VECTORIZED_SCANNER", "VALIDATE_UTF8", "ALLOW_DUPLICATE"}
    | {"ENABLE_OCTAL", "IGNORE_UTF8_ERRORS", "ESCAPE_UNENCLOSED_FIELD", "TRIM_SPACE"}
)
"""Options that change nothing of what DuckDB reads in an ordinary file."""
_ONLY_AUTO = frozenset({"BINARY_FORMAT", "DATE_FORMAT", "TIMESTAMP_FORMAT", "TIME_FORMAT"})
_CSV = frozenset(
    {"EMPTY_FIELD_AS_NULL", "ERROR_ON_COLUMN_COUNT_MISMATCH", "ESCAPE", "FIELD_DELIMITER"}
    | {"FIELD_OPTIONALLY_ENCLOSED_BY", "NULL_IF", "PARSE_HEADER", "RECORD_DELIMITER", "SKIP_HEADER"}
)
_JSON = frozenset({"STRIP_OUTER_ARRAY", "STRIP_NULL_VALUES", "NULL_IF"})
_KNOWN = _WITHOUT_EFFECT | _ONLY_AUTO | {"COMPRESSION", "COMMENT"}
_COMPRESSIONS = {
    "AUTO": "auto",
    "AUTO_DETECT": "auto",
    "GZIP": "gzip",
    "NONE": "none",
    "ZSTD": "zstd",
}
_NAMED_CHARACTERS = {"\\t": "\t", "\\n": "\n", "\\r\\n": "\r\n", "\\\\": "\\"}


@dataclass(frozen=True)
class FileFormat:
    """A format with its options in upper case."""

    type: Type = "CSV"
    options: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Value]) -> "FileFormat":
        """Return the format that options describe.

        Raises:
            SqlError: for an option that is none, or is not emulated.
        """
        given = dict(options)
        kind = str(given.pop("TYPE", "CSV")).upper()
        if kind not in ("CSV", "JSON", "PARQUET"):
            raise not_emulated(f"TYPE = {kind} of a file format")
        known = _KNOWN | {"CSV": _CSV, "JSON": _JSON, "PARQUET": frozenset({"NULL_IF"})}[kind]
        for name, value in given.items():
            if name not in known:
                raise compilation_error(f"invalid property '{name}' for 'FILE FORMAT'", number=1420)
            if name in _ONLY_AUTO and str(value).upper() not in _AUTO:
                raise not_emulated(f"{name} = {value} of a file format")
        if kind == "JSON" and given.get("STRIP_NULL_VALUES") is True:
            raise not_emulated("STRIP_NULL_VALUES of a file format")
        return cls(kind, given)  # type: ignore[arg-type]

    def text(self, name: str, default: str = "") -> str:
        """Return an option that is a text; NONE is an empty one."""
        value = str(self.options.get(name, default))
        return "" if value.upper() == "NONE" else _NAMED_CHARACTERS.get(value, value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return an option that is true or false."""
        return str(self.options.get(name, default)).lower() == "true"

    @property
    def compression(self) -> str:
        """The compression, in DuckDB's words; ``auto`` goes by the name of a file.

        Raises:
            SqlError: for one that is not emulated.
        """
        given = str(self.options.get("COMPRESSION", "AUTO")).upper()
        if self.type == "PARQUET":
            return "auto"
        if given not in _COMPRESSIONS:
            raise not_emulated(f"COMPRESSION = {given} of a file format")
        return _COMPRESSIONS[given]

    @property
    def has_header(self) -> bool:
        """Whether the first line of a file names its columns."""
        return self.type == "CSV" and self.flag("PARSE_HEADER")

    def reader(self, files: Sequence[str]) -> str:
        """Return the table function by which DuckDB reads files of this format."""
        paths = "[" + ", ".join(map(duckdb_literal, files)) + "]"
        if self.type == "PARQUET":
            return f"read_parquet({paths}, union_by_name = true, filename = true)"
        compression = f"compression = {duckdb_literal(self.compression)}"
        if self.type == "JSON":
            form = "array" if self.flag("STRIP_OUTER_ARRAY") else "unstructured"
            return (
                f"read_json_objects({paths}, format = '{form}', filename = true,"
                f" maximum_object_size = 134217728, {compression})"
            )
        return f"read_csv({paths}, {', '.join(self._csv_options())}, {compression})"

    def _csv_options(self) -> Iterator[str]:
        nulls = self.options.get("NULL_IF", ["\\N"])
        nulls = [str(each) for each in nulls] if isinstance(nulls, list) else [str(nulls)]
        if self.flag("EMPTY_FIELD_AS_NULL", default=True) and "" not in nulls:
            nulls = ["", *nulls]
        quote = self.text("FIELD_OPTIONALLY_ENCLOSED_BY")
        yield f"delim = {duckdb_literal(self.text('FIELD_DELIMITER', ',') or chr(1))}"
        yield f"quote = {duckdb_literal(quote)}"
        yield f"escape = {duckdb_literal(self.text('ESCAPE') or quote)}"
        yield f"nullstr = [{', '.join(map(duckdb_literal, nulls))}]"
        yield f"header = {str(self.has_header).lower()}"
        if not self.has_header:
            yield f"skip = {int(str(self.options.get('SKIP_HEADER', 0)))}"
        yield "all_varchar = true"
        yield "allow_quoted_nulls = false"
        yield f"null_padding = {str(not self.flag('ERROR_ON_COLUMN_COUNT_MISMATCH')).lower()}"
        yield "strict_mode = false"
        yield "filename = true"

    def writer(self) -> tuple[str, str]:
        """Return how DuckDB writes files of this format, and the suffix of their names."""
        given = self.compression
        if self.type == "PARQUET":
            return "FORMAT parquet, COMPRESSION snappy", ".snappy.parquet"
        given = "gzip" if given == "auto" else given
        suffix = {"gzip": ".gz", "zstd": ".zst", "none": ""}[given]
        compression = "" if given == "none" else f", COMPRESSION {given}"
        if self.type == "JSON":
            return f"FORMAT json{compression}", f".json{suffix}"
        quote = self.text("FIELD_OPTIONALLY_ENCLOSED_BY")
        nulls = self.options.get("NULL_IF", ["\\N"])
        null = str(nulls[0] if nulls else "") if isinstance(nulls, list) else str(nulls)
        options = [
            "FORMAT csv",
            f"DELIMITER {duckdb_literal(self.text('FIELD_DELIMITER', ','))}",
            f"NULLSTR {duckdb_literal(null)}",
            # Without quotes of its own, a field with the delimiter in it stands between these.
            f"QUOTE {duckdb_literal(quote or chr(2))}",
            f"ESCAPE {duckdb_literal(self.text('ESCAPE') or quote or chr(2))}",
        ]
        if quote:
            options.append("FORCE_QUOTE *")
        return ", ".join(options) + compression, f".csv{suffix}"


def read_format_options(words: Words) -> dict[str, Value]:
    """Read ``name = value`` pairs up to a closing parenthesis, FORMAT_NAME or the end."""
    options: dict[str, Value] = {}
    while words.here.kind is not Kind.END and not words.at(")") and not words.at("FORMAT_NAME"):
        if words.take(","):
            continue
        name = words.word()
        words.expect("=")
        options[name] = _value(words)
    return options


def _value(words: Words) -> Value:
    if words.at("("):
        return words.listed(words.string)
    if words.at("TRUE") or words.at("FALSE"):
        return words.boolean()
    if words.here.kind is Kind.NUMBER:
        return words.number()
    return words.text_or_word()
