select floor(extract(epoch from clock_timestamp()) * 1000)::int8 as now_ms
