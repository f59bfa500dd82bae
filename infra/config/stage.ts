import type { Capacity } from './capacity.ts';

/** Everything that differs between installations: values, no behaviour. */
export interface Stage {
  readonly name: 'local' | 'staging' | 'production';
  readonly region: string;
  readonly data: ManagedData | ExternalData;
  readonly capacity: Capacity;
  readonly identity: Identity;
  /** A host name of your own for the API; its certificate is in the same region. */
  readonly domain?: { readonly name: string; readonly certificateArn: string };
  /** Who gets a mail when an alarm rings; further subscriptions may be added to the topic by hand. */
  readonly alarmEmails: readonly string[];
  readonly logLevel: 'debug' | 'info' | 'warn';
}

/** Kafka, cache and shards are ours to make. */
export interface ManagedData {
  readonly kind: 'managed';
  /** Named, so that synthesis asks nobody; one subnet and one broker in each. */
  readonly availabilityZones: readonly [string, string, string];
  readonly vpcCidr: string;
  /** False only where losing everything is wanted: no deletion protection, nothing is retained. */
  readonly keepData: boolean;
}

/** Kafka, cache and shards exist elsewhere; whoever runs them writes their addresses into the named secrets. */
export interface ExternalData {
  readonly kind: 'external';
  /** What the event source mapping declares; the poller that replaces it reads the rest there. */
  readonly bootstrapServers: readonly string[];
}

/** Whose tokens the authorizer accepts: RS256 or ES256 by `jwksUrl`, and HS256 by the secret `jwt-secret`. */
interface Identity {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl?: string;
}
