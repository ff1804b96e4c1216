{{ config(materialized='table', query_tag='nightly') }}
select current_database() as place
