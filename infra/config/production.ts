import { capacities } from './capacity.ts';
import type { Stage } from './stage.ts';

export const production: Stage = {
  name: 'production',
  region: 'eu-central-1',
  data: {
    kind: 'managed',
    availabilityZones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'],
    vpcCidr: '10.40.0.0/16',
    keepData: true,
  },
  capacity: capacities['1.2M'],
  identity: {
    issuer: 'https://id.example.com/',
    audience: 'odometer',
    jwksUrl: 'https://id.example.com/.well-known/jwks.json',
  },
  alarmEmails: [],
  logLevel: 'info',
};
