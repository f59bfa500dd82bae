import { type aws_kms as kms, type RemovalPolicy, aws_secretsmanager as secretsmanager } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { acknowledge } from '../checks/acknowledge.ts';

/**
 * Letters and digits only, so that it stands in a URL unescaped. 43 of them are 256 bits, and they are also the
 * unpadded base64 of exactly 32 bytes, which is what our keys are.
 */
export const generatedText = { passwordLength: 43, excludePunctuation: true } as const;

/** A password that nobody has seen, part of the DSNs made from it. */
export function generatedPassword(
  scope: Construct,
  id: string,
  encryptionKey: kms.IKey,
  removalPolicy: RemovalPolicy,
): secretsmanager.Secret {
  const secret = new secretsmanager.Secret(scope, id, {
    encryptionKey,
    removalPolicy,
    generateSecretString: generatedText,
  });
  const reason =
    'Its DSNs and the server change with it: rotation is the deploying guide’s procedure, not a timer.';
  acknowledge(scope, `${id}/Resource`, 'SMG4', reason);
  return secret;
}
