import type { LogSecurity } from './log-connection.ts';

/**
 * MSK's IAM access control: the role of the function signs each token, which lives 15 minutes at most. Nothing
 * is kept between two connections, so that credentials that change need no care. No region, no security.
 */
export function iamSecurity(region: string | undefined): LogSecurity | undefined {
  if (region === undefined) return undefined;
  return {
    async token() {
      // Evaluated where it is used: a bundle holds it, and a start without IAM does not pay for it.
      const { generateAuthToken } = await import('aws-msk-iam-sasl-signer-js');
      return (await generateAuthToken({ region })).token;
    },
  };
}
