{% macro make_note(text) %}
  {% do run_query("create or replace table " ~ target.schema ~ ".note as select '" ~ text ~ "' as text") %}
  {% set found = run_query("select text from " ~ target.schema ~ ".note") %}
  {{ log("note: " ~ found.columns[0].values()[0], info=True) }}
{% endmacro %}
