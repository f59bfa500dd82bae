import { CfnResource, type Resource, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Accepts one finding of cdk-nag on one construct path, with the reason that a reviewer would ask for. */
// Same type: another path or rule acknowledges nothing, and the finding fails the synthesis.
export function acknowledge(on: IConstruct, path: string, rule: string, reason: string): void {
  const construct = path.split('/').reduce<IConstruct>((node, id) => node.node.findChild(id), on);
  Validations.of(construct).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}

/** A finding names another resource by its logical id. */
export function logicalIdOf(resource: Resource): string {
  const { defaultChild } = resource.node;
  if (!CfnResource.isCfnResource(defaultChild)) throw new Error(`${resource.node.path} is no resource`);
  return resource.stack.getLogicalId(defaultChild);
}
