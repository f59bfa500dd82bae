/** Custom resource: the brokers' addresses for IAM authentication. */
import { GetBootstrapBrokersCommand, KafkaClient } from '@aws-sdk/client-kafka';
import { type Attributes, answering } from './answer.ts';

export const handler = answering(async ({ ['ClusterArn']: arn }): Promise<Attributes> => {
  if (typeof arn !== 'string') throw new Error('ClusterArn is missing');
  const found = await new KafkaClient({}).send(new GetBootstrapBrokersCommand({ ClusterArn: arn }));
  const servers = found.BootstrapBrokerStringSaslIam;
  if (servers === undefined || servers === '') throw new Error('the cluster has no addresses for IAM');
  return { Servers: servers };
});
