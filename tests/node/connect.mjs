// Calls a method by gRPC-Web over HTTP/1.1, one time after the other, and prints for each how it ended: the name of the
// code and what stands beside it. The message takes nine bytes: five say how long it is, four hold it.
// Usage: node connect.mjs URL TIMES

import { create, createFileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, StringValueSchema, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-node';

const [baseUrl, times] = process.argv.slice(2);

const type = '.google.protobuf.StringValue';
const file = create(FileDescriptorProtoSchema, {
    name: 'whoami.proto',
    package: 'test',
    syntax: 'proto3',
    dependency: [file_google_protobuf_wrappers.proto.name],
    service: [{ name: 'Whoami', method: [{ name: 'Ask', inputType: type, outputType: type }] }],
});
const registry = createFileRegistry(file, (name) =>
    name === file_google_protobuf_wrappers.proto.name ? file_google_protobuf_wrappers : undefined,
);
const client = createClient(
    registry.getService('test.Whoami'),
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
);

for (let i = 0; i < Number(times); i++) {
    try {
        await client.ask(create(StringValueSchema, { value: 'hi' }));
        console.log('accepted');
    } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        console.log(`${Code[code]}: ${rawMessage}`);
    }
}
