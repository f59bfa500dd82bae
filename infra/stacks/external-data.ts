import { RemovalPolicy, Stack, type StackProps, aws_secretsmanager as secretsmanager } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { type SecretVariable, secretNames } from '../../shared/contracts/env.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { ExternalData, Stage } from '../config/stage.ts';
import { generatedText } from '../constructs/generated-password.ts';
import type { DataPlane } from '../data-plane/data-plane.ts';
import { ExternalDataPlane } from '../data-plane/external-data-plane.ts';
import { NamedSecrets } from '../data-plane/named-secrets.ts';

export interface ExternalDataStackProps extends StackProps {
  /** Its name is part of every secret's name. */
  readonly stage: Stage;
  /** The stage's own `data`, known to be external. */
  readonly data: ExternalData;
}

/**
 * Only the named secrets. Keys are generated; addresses hold a random text until whoever runs the servers writes
 * the real ones (PutSecretValue), and the App stack is deployed after that.
 */
export class ExternalDataStack extends Stack {
  readonly plane: DataPlane;

  constructor(scope: Construct, id: string, { stage, data, ...props }: ExternalDataStackProps) {
    super(scope, id, props);
    const secrets = new NamedSecrets({ stage: stage.name });
    // The keys of `secretNames` are the type's members.
    for (const variable of Object.keys(secretNames) as SecretVariable[]) {
      const name = secretNames[variable];
      new secretsmanager.Secret(this, name, {
        secretName: secrets.nameOf(variable),
        generateSecretString: generatedText,
        removalPolicy: RemovalPolicy.DESTROY,
      });
      const reason = 'Whoever runs the servers writes it, and changes it together with them.';
      acknowledge(this, `${name}/Resource`, 'SMG4', reason);
    }
    this.plane = new ExternalDataPlane({
      secrets,
      bootstrapServers: data.bootstrapServers,
      capacity: stage.capacity.log,
    });
  }
}
