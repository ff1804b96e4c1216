{{ config(materialized='table', event_time='happened_at') }}
select 1 as id, '2024-01-01 05:00:00'::timestamp_ntz as happened_at
union all select 2, '2024-01-02 05:00:00'::timestamp_ntz
union all select 3, '2024-01-03 05:00:00'::timestamp_ntz
