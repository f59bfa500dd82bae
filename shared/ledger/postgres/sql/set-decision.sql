-- $1 who, $2 why: for the audit trigger, in this transaction only.
select set_config('odometer.decided_by', $1, true), set_config('odometer.decided_why', $2, true)
