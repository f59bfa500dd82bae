select set_config('odometer.organization', $1, true)
