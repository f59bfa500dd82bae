import type { ApiKeyPorts } from '../../../functions/authorizer/check-api-key.ts';

const asked = () => Promise.reject(new Error('no API key is sent here'));

/** For tests that send tokens alone. */
export const noApiKeys: ApiKeyPorts = {
  source: { changes: asked, noteUses: asked },
  hashSecret: Buffer.alloc(32),
  environment: 'local',
};
