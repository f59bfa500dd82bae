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
  /** Counts the password's changes, from 1. Each number is another secret, and whatever refers to it changes. */
  readonly revision: number;
}

/** A password that nobody has seen, part of the DSNs made from it. */
export class GeneratedPassword extends secretsmanager.Secret {
  constructor(scope: Construct, id: string, { revision, ...props }: GeneratedPasswordProps) {
    // CloudFormation fetches a secret again only where the text that refers to it changes: the name of the resource.
    super(scope, revision === 1 ? id : `${id}-r${revision}`, {
      ...props,
      generateSecretString: generatedText,
    });
    const reason =
      'Its DSNs and the server change with it: a deployment with a larger revision, not a timer.';
    acknowledge(this, 'Resource', 'SMG4', reason);
  }
}
