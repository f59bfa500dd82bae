/** Where a data point of OpenTelemetry may name its organization: for ingest's configuration and that of a stage. */

/** As the importer's preset looks for them; the first one that a point has counts. */
export const otlpOrganizationDefault: readonly string[] = [
  'attributes.organization_id',
  'attributes.organization.id',
  'resource.organization_id',
  'resource.organization.id',
];

/** An attribute of the point, or one of its resource. */
export function isOtlpField(text: string): boolean {
  return /^(?:attributes|resource)\../.test(text);
}
