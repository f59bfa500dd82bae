import { ENV_SHARD_AUTHORIZER_URLS } from '../../shared/contracts/env.ts';
import { shardsConfig } from '../../shared/ledger/shards-config.ts';

/** What credentials reads from the environment. */
export const credentialsConfig = shardsConfig(ENV_SHARD_AUTHORIZER_URLS);
