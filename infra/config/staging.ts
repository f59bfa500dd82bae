import { capacities } from './capacity.ts';
import type { Stage } from './stage.ts';

/** Production's shape with data that may be thrown away. */
export const staging: Stage = {
  name: 'staging',
  region: 'eu-central-1',
  account: '111122223333',
  data: {
    kind: 'managed',
    availabilityZones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'],
    vpcCidr: '10.41.0.0/16',
    keepData: false,
    passwords: { owner: 1, operator: 1, writer: 1, reader: 1, authorizer: 1, keys: 1, cache: 1 },
    headsLockedDays: 1,
  },
  capacity: capacities['1.2M'],
  identity: {
    issuer: 'https://id.staging.example.com/',
    audience: 'odometer-staging',
    jwksUrl: 'https://id.staging.example.com/.well-known/jwks.json',
  },
  alarmEmails: [],
  logLevel: 'info',
};
