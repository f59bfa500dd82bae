import {
  aws_apigateway as accessLog,
  aws_certificatemanager as acm,
  type aws_cloudwatch as cloudwatch,
  Duration,
  aws_apigatewayv2 as gateway,
  type aws_lambda as lambda,
  aws_logs as logs,
  RemovalPolicy,
} from 'aws-cdk-lib';
import { HttpLambdaAuthorizer, HttpLambdaResponseType } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Construct } from 'constructs';
import { cors } from '../../shared/contracts/cors.ts';
import { metricNamespace } from '../../shared/contracts/metrics.ts';
import { methodsOf, type Route, routes } from '../../shared/contracts/routes.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { Capacity } from '../config/capacity.ts';
import type { Stage } from '../config/stage.ts';

export interface UsageApiProps {
  /** Requests above this rate and burst are answered 429. */
  readonly throttle: Capacity['api'];
  /** The stage of the installation, which keeps its metric apart from another's. */
  readonly stageName: string;
  /** A host name of the API's own. Undefined leaves it with the one that AWS gives. */
  readonly domain: Stage['domain'];
  /** Origins whose pages may read answers. Undefined allows none. */
  readonly corsOrigins: Stage['corsOrigins'];
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
  /** Requests answered 429. */
  readonly throttled: cloudwatch.IMetric;

  constructor(scope: Construct, id: string, props: UsageApiProps) {
    super(scope, id);
    this.api = new gateway.HttpApi(this, 'Api', {
      createDefaultStage: false,
      apiName: 'odometer',
      ...(props.corsOrigins === undefined ? {} : { corsPreflight: corsOf(props.corsOrigins) }),
    });
    const added = this.#addRoutes(props);
    const logGroup = new logs.LogGroup(this, 'AccessLog', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.stage = this.#addStage(props, logGroup);
    // Settings of a route that is not there yet are refused.
    this.stage.node.addDependency(...added);
    this.throttled = throttledIn(logGroup, props.stageName);
  }

  #addRoutes({ authorizer: fn, targets }: UsageApiProps): readonly gateway.HttpRoute[] {
    const authorizer = new HttpLambdaAuthorizer('Authorizer', fn, {
      responseTypes: [HttpLambdaResponseType.SIMPLE],
      identitySource: ['$request.header.Authorization'],
      resultsCacheTtl: authorizedFor,
    });
    const integrations = new Map(
      Object.entries(targets).map(([name, target]) => [name, new HttpLambdaIntegration(name, target)]),
    );
    return routes.flatMap((route) => {
      const integration = integrations.get(route.function);
      if (integration === undefined) throw new Error(`nothing serves ${route.path}`);
      const isPublic = 'public' in route && route.public;
      const added = this.api.addRoutes({
        path: route.path,
        methods: methodsOf(route).map((method) => gateway.HttpMethod[method]),
        integration,
        ...(isPublic ? {} : { authorizer }),
      });
      const reason = 'Liveness and readiness are for load balancers without a token; both are throttled.';
      if (isPublic) for (const one of added) acknowledge(one, 'Resource', 'APIG4', reason);
      return added;
    });
  }

  #addStage({ throttle, domain }: UsageApiProps, logGroup: logs.LogGroup): gateway.HttpStage {
    const stage = new gateway.HttpStage(this, 'Stage', {
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
    // The construct has no settings of single routes; its child is the stage itself.
    const { defaultChild } = stage.node;
    if (defaultChild instanceof gateway.CfnStage) defaultChild.routeSettings = routeSettings();
    return stage;
  }

  #domain({ name, certificateArn }: NonNullable<Stage['domain']>): gateway.DomainName {
    const certificate = acm.Certificate.fromCertificateArn(this, 'Certificate', certificateArn);
    return new gateway.DomainName(this, 'Domain', { domainName: name, certificate });
  }
}

/** API Gateway answers preflights by itself, and takes no field of CORS from a function. */
function corsOf(origins: readonly string[]): gateway.CorsPreflightOptions {
  return {
    allowOrigins: [...origins],
    allowMethods: cors.methods.map((method) => gateway.CorsHttpMethod[method]),
    allowHeaders: [...cors.requestHeaders],
    exposeHeaders: [...cors.exposedHeaders],
    maxAge: Duration.seconds(cors.maxAgeSeconds),
  };
}

/**
 * What reads may take in a second, so that nobody who reads, or asks without a token, takes the rate of the senders:
 * readiness and figures ask every server, and a scrape a second is more than Prometheus needs.
 */
const readsPerSecond = { '/health': 20, '/ready': 20, '/metrics': 5, '/api/v1/metrics': 20 } as const;
const summariesPerSecond = 500;

function routeSettings(): Readonly<Record<string, object>> {
  const perSecond: Readonly<Record<string, number>> = readsPerSecond;
  return Object.fromEntries(
    routes
      .filter((route) => route.function !== 'ingest')
      .flatMap((route) => {
        const rate = perSecond[route.path] ?? summariesPerSecond;
        // They replace the stage's, the detailed metrics among them; the keys are CloudFormation's.
        const settings = {
          ThrottlingRateLimit: rate,
          ThrottlingBurstLimit: rate,
          DetailedMetricsEnabled: true,
        };
        return methodsOf(route).map((method) => [`${method} ${route.path}`, settings]);
      }),
  );
}

/** API Gateway counts 429 among all 4xx only; the access log names it. */
function throttledIn(logGroup: logs.LogGroup, stage: string): cloudwatch.IMetric {
  const filter = logGroup.addMetricFilter('Throttled', {
    filterPattern: logs.FilterPattern.stringValue('$.status', '=', '429'),
    metricNamespace: `${metricNamespace}/Api`,
    metricName: `Throttled-${stage}`,
    metricValue: '1',
  });
  return filter.metric({ statistic: 'Sum', period: Duration.minutes(5) });
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
