import { Socket, type TcpNetConnectOpts } from 'node:net';

/**
 * Loaded into the operator's process before the operator (`node --import`): redirects its direct connections (not through a proxy)
 * to hosts of the cloud to this port of 127.0.0.1.
 */
const prototype = Socket.prototype as { connect(options: TcpNetConnectOpts, ...others: unknown[]): Socket };
const { connect } = prototype;

prototype.connect = function (options, ...others) {
  const direct = options.host?.endsWith('.aliyuncs.com') === true;
  const elsewhere = { ...options, host: '127.0.0.1', port: Number(process.env['TEST_CLOUD_PORT']) };
  return connect.call(this, direct ? elsewhere : options, ...others);
};
