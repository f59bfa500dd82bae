import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Accepts one finding of cdk-nag on one construct path, with the reason that a reviewer would ask for. */
export function acknowledge(on: IConstruct, path: string, rule: string, reason: string): void {
  const construct = path.split('/').reduce<IConstruct>((node, id) => node.node.findChild(id), on);
  Validations.of(construct).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}
