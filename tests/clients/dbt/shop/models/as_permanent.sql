{{ config(materialized='table', transient=false) }}
select 1 as id
