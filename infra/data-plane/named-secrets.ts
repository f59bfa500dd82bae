import {
  aws_iam as iam,
  aws_kms as kms,
  type aws_lambda as lambda,
  aws_secretsmanager as secretsmanager,
} from 'aws-cdk-lib';
import { type SecretVariable, secretNames, stageSecretName } from '../../shared/contracts/env.ts';

export interface NamedSecretsProps {
  /** The stage's name, which is part of every secret's name. */
  readonly stage: string;
  /**
   * ARN of the key that encrypts the secrets.
   * @default the account's own key of Secrets Manager, which needs no grant
   */
  readonly keyArn?: string;
}

/**
 * The secrets of one stage by name. A function imports them in its own stack: a grant by reference on a secret
 * with a key of its own would make the stacks depend on each other in a circle.
 */
export class NamedSecrets {
  readonly #props: NamedSecretsProps;

  constructor(props: NamedSecretsProps) {
    this.#props = props;
  }

  nameOf(variable: SecretVariable): string {
    return stageSecretName(this.#props.stage, variable);
  }

  /** Sets the variable to `secret:<name>` and lets the function read just that. */
  grantRead(fn: lambda.Function, variable: SecretVariable): void {
    const name = this.nameOf(variable);
    const secret = secretsmanager.Secret.fromSecretNameV2(fn, secretNames[variable], name);
    // Not `grantRead`, which describes secrets too. Secrets Manager adds six random characters to each ARN.
    const resources = [`${secret.secretArn}-??????`];
    fn.addToRolePolicy(new iam.PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources }));
    fn.addEnvironment(variable, `secret:${name}`);
    const { keyArn } = this.#props;
    if (keyArn === undefined || fn.node.tryFindChild('secrets-key') !== undefined) return;
    kms.Key.fromKeyArn(fn, 'secrets-key', keyArn).grantDecrypt(fn);
  }
}
