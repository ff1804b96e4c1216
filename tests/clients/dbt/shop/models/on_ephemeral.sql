select count(*) as n from {{ ref('ephemeral') }}
