import {
  aws_ec2 as ec2,
  aws_logs as logs,
  RemovalPolicy,
  Stack,
  type StackProps,
  Validations,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ManagedData } from '../config/stage.ts';
import type { NetworkGroups, NetworkRole } from '../data-plane/data-plane.ts';

/** Not the products' usual ones, which is what a scan tries first. */
export const ports = { log: 9098, cache: 6380, shards: 5433, secrets: 443 } as const;

type Service = keyof typeof ports;

/** Who opens connections to what; the security groups refuse everything else. */
const mayReach: Readonly<Record<NetworkRole, readonly Service[]>> = {
  ingest: ['log', 'secrets'],
  consumer: ['cache', 'secrets'],
  flusher: ['log', 'cache', 'shards', 'secrets'],
  query: ['log', 'cache', 'shards', 'secrets'],
  operator: ['log', 'shards', 'secrets'],
};

export interface NetworkStackProps extends StackProps {
  /** The stage's own `data`: its zones and addresses. */
  readonly data: ManagedData;
  /** Whether ingest asks the cache for each request what its caller has sent. */
  readonly countsRequests: boolean;
}

/** Three zones of private subnets without a way to the internet; Secrets Manager is reached by its endpoint. */
export class NetworkStack extends Stack {
  readonly vpc: ec2.IVpc;
  readonly groups: NetworkGroups;
  readonly #zones: readonly string[];

  constructor(scope: Construct, id: string, { data, countsRequests, ...props }: NetworkStackProps) {
    super(scope, id, props);
    this.#zones = data.availabilityZones;
    const vpc = new ec2.Vpc(this, 'Vpc', {
      ipAddresses: ec2.IpAddresses.cidr(data.vpcCidr),
      availabilityZones: [...data.availabilityZones],
      natGateways: 0,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'private', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 20 }],
    });
    // A Vpc is an IVpc; CDK's own `T | undefined` fails `exactOptionalPropertyTypes`.
    this.vpc = vpc as ec2.IVpc;
    this.#acceptNamedZones(vpc);
    this.#logFlows();
    this.groups = this.#connect(
      countsRequests ? { ...mayReach, ingest: [...mayReach.ingest, 'cache'] } : mayReach,
    );
  }

  /** Named, so that synthesis asks no account. */
  override get availabilityZones(): string[] {
    return [...this.#zones];
  }

  #acceptNamedZones(vpc: ec2.Vpc): void {
    const reason = 'Named zones make synthesis offline and keep subnets where their data is.';
    for (const subnet of vpc.isolatedSubnets) {
      Validations.of(subnet).acknowledge({ id: 'CloudFormation-Validate::W3010', reason });
    }
  }

  #logFlows(): void {
    const group = new logs.LogGroup(this, 'FlowLog', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.vpc.addFlowLog('Refused', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(group),
      trafficType: ec2.FlowLogTrafficType.REJECT,
    });
  }

  #connect(reachable: typeof mayReach): NetworkGroups {
    const services = {
      log: this.#group('Log', 'The log’s brokers'),
      cache: this.#group('Cache', 'The segment cache'),
      shards: this.#group('Shards', 'The ledger’s shards'),
      secrets: this.#group('Secrets', 'The endpoint of Secrets Manager'),
    };
    const roles = {
      ingest: this.#group('Ingest', 'Function ingest'),
      consumer: this.#group('Consumer', 'Function consumer'),
      flusher: this.#group('Flusher', 'Function flusher'),
      query: this.#group('Query', 'Function query'),
      operator: this.#group('Operator', 'Function operator'),
    };
    for (const [role, reached] of Object.entries(reachable)) {
      // The keys of `mayReach` are the type's members.
      const from = roles[role as NetworkRole];
      for (const service of reached)
        from.connections.allowTo(services[service], ec2.Port.tcp(ports[service]));
    }
    // The event source mapping's pollers take the cluster's own group; so do the brokers among themselves.
    services.log.connections.allowInternally(ec2.Port.tcp(ports.log), 'event pollers to brokers');
    this.vpc.addInterfaceEndpoint('SecretsManager', {
      service: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
      securityGroups: [services.secrets],
      open: false,
    });
    const { log, cache, shards } = services;
    return { roles, log, cache, shards };
  }

  // Same type: the snapshots hold both.
  #group(id: string, description: string): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, id, {
      vpc: this.vpc,
      description: description.replaceAll('’', ''),
      allowAllOutbound: false,
    });
  }
}
