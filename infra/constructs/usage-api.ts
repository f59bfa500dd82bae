import {
  aws_apigateway as accessLog,
  aws_certificatemanager as acm,
  Duration,
  aws_apigatewayv2 as gateway,
  type aws_lambda as lambda,
  aws_logs as logs,
  RemovalPolicy,
} from 'aws-cdk-lib';
import { HttpLambdaAuthorizer, HttpLambdaResponseType } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Construct } from 'constructs';
import { methodsOf, type Route, routes } from '../../shared/contracts/routes.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { Capacity } from '../config/capacity.ts';
import type { Stage } from '../config/stage.ts';

export interface UsageApiProps {
  /** Requests above this rate and burst are answered 429. */
  readonly throttle: Capacity['api'];
  /** A host name of the API's own. Undefined leaves it with the one that AWS gives. */
  readonly domain: Stage['domain'];
  /** The function that decides who calls. */
  readonly authorizer: lambda.IFunction;
  /** The function that serves each name that the routes use. */
  readonly targets: Readonly<Record<Route['function'], lambda.IFunction>>;
}

/** A revoked or expired token is accepted for this much longer at most. */
const authorizedFor = Duration.minutes(5);

/** The HTTP API: every route of the contracts, behind the authorizer unless the contracts call it public. */
export class UsageApi extends Construct {
  readonly api: gateway.HttpApi;
  readonly stage: gateway.HttpStage;

  constructor(scope: Construct, id: string, props: UsageApiProps) {
    super(scope, id);
    this.api = new gateway.HttpApi(this, 'Api', { createDefaultStage: false, apiName: 'odometer' });
    this.#addRoutes(props);
    this.stage = this.#addStage(props);
  }

  #addRoutes({ authorizer: fn, targets }: UsageApiProps): void {
    const authorizer = new HttpLambdaAuthorizer('Authorizer', fn, {
      responseTypes: [HttpLambdaResponseType.SIMPLE],
      identitySource: ['$request.header.Authorization'],
      resultsCacheTtl: authorizedFor,
    });
    const integrations = new Map(
      Object.entries(targets).map(([name, target]) => [name, new HttpLambdaIntegration(name, target)]),
    );
    for (const route of routes) {
      const integration = integrations.get(route.function);
      if (integration === undefined) throw new Error(`nothing serves ${route.path}`);
      const isPublic = 'public' in route && route.public;
      const added = this.api.addRoutes({
        path: route.path,
        methods: methodsOf(route).map((method) => gateway.HttpMethod[method]),
        integration,
        ...(isPublic ? {} : { authorizer }),
      });
      for (const publicRoute of isPublic ? added : [])
        acknowledge(
          publicRoute,
          'Resource',
          'APIG4',
          'Liveness and readiness are for load balancers without a token; both are throttled.',
        );
    }
  }

  #addStage({ throttle, domain }: UsageApiProps): gateway.HttpStage {
    const logGroup = new logs.LogGroup(this, 'AccessLog', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    return new gateway.HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      detailedMetricsEnabled: true,
      throttle: { rateLimit: throttle.requestsPerSecond, burstLimit: throttle.burst },
      accessLogSettings: {
        destination: new gateway.LogGroupLogDestination(logGroup),
        format: accessLog.AccessLogFormat.custom(JSON.stringify(accessLogFields)),
      },
      ...(domain === undefined ? {} : { domainMapping: { domainName: this.#domain(domain) } }),
    });
  }

  #domain({ name, certificateArn }: NonNullable<Stage['domain']>): gateway.DomainName {
    const certificate = acm.Certificate.fromCertificateArn(this, 'Certificate', certificateArn);
    return new gateway.DomainName(this, 'Domain', { domainName: name, certificate });
  }
}

/** No organization, token or body: what is needed to find a request again, at 130 bytes a line. */
const accessLogFields = {
  time: '$context.requestTime',
  id: '$context.requestId',
  route: '$context.routeKey',
  status: '$context.status',
  ms: '$context.responseLatency',
  bytes: '$context.responseLength',
  error: '$context.error.message',
  authorizer: '$context.authorizer.error',
};
