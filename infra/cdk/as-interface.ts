/**
 * CDK's classes declare `T | undefined` where their own interfaces declare an optional property, which
 * `exactOptionalPropertyTypes` tells apart. The casts below say no more than that a class implements its interface.
 */
import type { aws_ec2 as ec2, aws_lambda as lambda } from 'aws-cdk-lib';

export function asVpc(vpc: ec2.Vpc): ec2.IVpc {
  return vpc as ec2.IVpc;
}

export function asVersion(version: lambda.Version): lambda.IVersion {
  return version as lambda.IVersion;
}

export function asFunction(alias: lambda.Alias): lambda.IFunction {
  return alias as lambda.IFunction;
}
