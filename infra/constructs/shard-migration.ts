import { join } from 'node:path';
import { CustomResource, Duration, FileSystem, type aws_lambda as lambda } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { repositoryRoot } from '../bundling/bundle.ts';
import { acknowledge, logicalIdOf } from '../checks/acknowledge.ts';
import { NodeFunction } from './node-function.ts';

export interface ShardMigrationProps {
  /** The function that migrates. */
  readonly operator: lambda.Function;
  /** Another text where the shards or their passwords may be other ones. */
  readonly dataRevision: string;
}

const migrationMinutes = 15;

/**
 * Migrates the shards at every deployment that changes the migrations, the shards or a password, by the operator
 * function, which also sets the passwords of the logins. What depends on
 * this construct is deployed after it, so that new code never meets an older schema.
 */
export class ShardMigration extends Construct {
  constructor(scope: Construct, id: string, { operator, dataRevision }: ShardMigrationProps) {
    super(scope, id);
    const trigger = new NodeFunction(this, 'Trigger', {
      entry: 'infra/deploy/migrate-shards.ts',
      memoryMb: 256,
      timeout: Duration.minutes(migrationMinutes),
      description: 'At deploy: asks the operator to migrate the shards',
    });
    operator.grantInvoke(trigger.fn);
    const reason = 'The grant covers the function’s versions; there is one operator and it has no others.';
    acknowledge(
      trigger,
      'Role/DefaultPolicy/Resource',
      `IAM5[Resource::<${logicalIdOf(operator)}.Arn>:*]`,
      reason,
    );
    new CustomResource(this, 'Migrated', {
      serviceToken: trigger.fn.functionArn,
      resourceType: 'Custom::MigratedShards',
      serviceTimeout: Duration.minutes(migrationMinutes),
      properties: {
        Operator: operator.functionName,
        DataRevision: dataRevision,
        Migrations: FileSystem.fingerprint(join(repositoryRoot, 'migrations')),
      },
    });
  }
}
