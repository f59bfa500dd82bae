// Artillery's local runner imports these four names at load, for a platform that is not used here.
exports.BlobServiceClient = undefined;
exports.ContainerInstanceManagementClient = undefined;
exports.DefaultAzureCredential = undefined;
exports.QueueClient = undefined;
