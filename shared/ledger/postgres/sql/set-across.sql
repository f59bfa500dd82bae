select set_config('odometer.across_organizations', 'on', true)
