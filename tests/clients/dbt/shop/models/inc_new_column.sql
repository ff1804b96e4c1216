{{ config(materialized='incremental', unique_key='id', on_schema_change='append_new_columns') }}
select {{ var("day") }} as id {% if var("day") | int > 1 %}, 'new' as extra {% endif %}
{% if is_incremental() %} where {{ var("day") }} > (select max(id) from {{ this }}) {% endif %}
