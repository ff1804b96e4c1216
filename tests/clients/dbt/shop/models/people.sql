{{ config(materialized='table') }}
select 1 as id, '{{ "Ada" if var("day") | int == 1 else "Ada L." }}' as name,
  '2024-01-0{{ var("day") }} 00:00:00'::timestamp_ntz as changed_at
union all
select 2, 'Bo', '2024-01-01 00:00:00'::timestamp_ntz
