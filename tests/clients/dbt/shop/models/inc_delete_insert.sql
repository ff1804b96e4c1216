{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id') }}
select 1 as id, 'day {{ var("day") }}' as seen
union all
select {{ var("day") }} + 1 as id, 'day {{ var("day") }}' as seen
