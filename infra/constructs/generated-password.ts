import { type aws_kms as kms, type RemovalPolicy, aws_secretsmanager as secretsmanager } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { acknowledge } from '../checks/acknowledge.ts';

/**
 * Letters and digits only, so that a URL needs no escapes. 43 of them are 256 bits, and they are also the
 * unpadded base64 of exactly 32 bytes, which is what our keys are.
 */
export const generatedText = { passwordLength: 43, excludePunctuation: true } as const;

export interface GeneratedPasswordProps {
  /** The key that encrypts it. */
  readonly encryptionKey: kms.IKey;
  /** Whether it is kept when its stack is deleted. */
  readonly removalPolicy: RemovalPolicy;
}

/** A password that nobody has seen, part of the DSNs made from it. */
export class GeneratedPassword extends secretsmanager.Secret {
  constructor(scope: Construct, id: string, props: GeneratedPasswordProps) {
    super(scope, id, { ...props, generateSecretString: generatedText });
    const reason =
      'Its DSNs and the server change with it: rotation is the deploying guide’s procedure, not a timer.';
    acknowledge(this, 'Resource', 'SMG4', reason);
  }
}
