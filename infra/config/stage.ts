import { isCorsOrigin } from '../../shared/contracts/cors.ts';
import { isOtlpField } from '../../shared/contracts/otlp.ts';
import type { ShardLogin } from '../../shared/contracts/shards.ts';
import { callerRequestsPerSecondMax } from '../../shared/limits.ts';
import type { Capacity } from './capacity.ts';

/** Everything that differs between installations: values, no behaviour. */
export interface Stage {
  readonly name: 'local' | 'staging' | 'production';
  readonly region: string;
  /** The account that it may be deployed to: credentials of another one are refused. Absent: whoever deploys. */
  readonly account?: string;
  readonly data: ManagedData | ExternalData;
  readonly capacity: Capacity;
  readonly identity: Identity;
  /** A host name of your own for the API; its certificate is in the same region. */
  readonly domain?: { readonly name: string; readonly certificateArn: string };
  /**
   * Origins whose pages may read answers of the API (CORS): `*`, or scheme, host and port of each.
   * @default none
   */
  readonly corsOrigins?: readonly string[];
  /**
   * Requests that one caller may send to ingest and query in a second; ingest then asks the cache for each.
   * @default no limit but the throttle of all callers together
   */
  readonly callerRequestsPerSecond?: number;
  /**
   * Which fields of an OTLP data point may name its organization, such as `resource.tenant.id`.
   * @default `organization_id` or `organization.id` of the point, else of the resource
   */
  readonly otlpOrganization?: readonly string[];
  /** Who gets a mail when an alarm rings; further subscriptions may be added to the topic by hand. */
  readonly alarmEmails: readonly string[];
  readonly logLevel: 'debug' | 'info' | 'warn';
  /** The envelopes that ingest writes, where not its default: 1 while a release without version 2 may still read. */
  readonly envelopeVersion?: 1;
}

/** Kafka, cache and shards are ours to make. */
export interface ManagedData {
  readonly kind: 'managed';
  /** Named, so that synthesis asks nobody; one subnet and one broker in each. */
  readonly availabilityZones: readonly [string, string, string];
  readonly vpcCidr: string;
  /** False only where losing everything is wanted: no deletion protection, nothing is retained. */
  readonly keepData: boolean;
  /** How often each password was changed, from 1 on. A larger number makes a new one, everywhere in one deployment. */
  readonly passwords: Readonly<Record<ShardLogin | 'cache', number>>;
  /** For how many days nobody, not even the account's owner, can delete the logged heads of the chains (U12). */
  readonly headsLockedDays: number;
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

/** AWS's own example account: it is nobody's, so that a file of examples can be synthesized and not deployed. */
const exampleAccount = '111122223333';

/** Throws for values that would deploy to the wrong account, wake nobody, or are still the repository's examples. */
export function assertStage(stage: Stage): void {
  const { name, data, account, identity, alarmEmails } = stage;
  const { corsOrigins = [], callerRequestsPerSecond: quota = 1, otlpOrganization = [] } = stage;
  const isProduction = name === 'production';
  const examples = JSON.stringify([identity, alarmEmails]).includes('example.com');
  const checks: readonly (readonly [boolean, string])[] = [
    [data.kind === 'external' || account !== undefined, 'a stage with data of its own names its account'],
    [account === undefined || /^\d{12}$/.test(account), 'an account is twelve digits'],
    [otlpOrganization.every(isOtlpField), 'a field of OTLP is resource.NAME or attributes.NAME'],
    [corsOrigins.every(isCorsOrigin), 'an origin is *, or scheme, host and port, and nothing behind'],
    [
      Number.isInteger(quota) && quota >= 1 && quota <= callerRequestsPerSecondMax,
      `a quota is a whole number from 1 to ${callerRequestsPerSecondMax}`,
    ],
    [!isProduction || alarmEmails.length > 0, 'nobody hears the alarms of production: set alarmEmails'],
    [
      account === undefined || account === exampleAccount || !examples,
      'identity or alarmEmails still hold an address at example.com, beside an account of yours',
    ],
  ];
  for (const [holds, message] of checks) if (!holds) throw new Error(`stage ${name}: ${message}`);
}
