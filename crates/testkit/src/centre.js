// A message centre that behaves as the recipient's last three digits say. It tells what
// happens to it on standard output, a JSON line each, and delivers what it is told to on
// standard input.

const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const options = JSON.parse(process.argv.at(-1));
const tell = (event, fields) => process.stdout.write(JSON.stringify({event, ...fields}) + '\n');

const sessions = new Set();
const complained = new Map();
let number = 0;
let mute = false;

const server = smpp.createServer(
    options.tls ? {key: fs.readFileSync(options.tls.key), cert: fs.readFileSync(options.tls.cert)} : {},
    attend,
);
server.on('error', (error) => tell('error', {error: String(error)}));
server.listen(options.port || 0, '127.0.0.1', () => tell('listening', {port: server.address().port}));

function attend(session) {
    session.on('error', () => session.destroy());
    session.on('close', () => {
        sessions.delete(session);
        tell('closed', {});
    });
    for (const kind of ['transceiver', 'transmitter', 'receiver']) {
        session.on(`bind_${kind}`, (pdu) => bind(session, kind, pdu));
    }
    session.on('unbind', (pdu) => {
        session.send(pdu.response());
        session.close();
    });
    session.on('enquire_link', (pdu) => {
        tell('enquire_link', {mute});
        if (!mute) session.send(pdu.response());
    });
    session.on('submit_sm', (pdu) => submit(session, pdu));
}

function bind(session, kind, pdu) {
    const known = !options.password || pdu.password === options.password;
    tell('bind', {kind, system_id: pdu.system_id, system_type: pdu.system_type, version: pdu.interface_version, known});
    if (options.silent) return;
    if (!known) {
        session.send(pdu.response({command_status: smpp.ESME_RBINDFAIL}));
        session.close();
        return;
    }
    mute = false;
    session.receives = kind !== 'transmitter';
    sessions.add(session);
    session.send(pdu.response({system_id: 'peer'}));
}

function submit(session, pdu) {
    const behaviour = options.behaviour || pdu.destination_addr.slice(-3);
    tell('submit', {
        to: pdu.destination_addr,
        from: pdu.source_addr,
        ton: [pdu.source_addr_ton, pdu.dest_addr_ton],
        npi: [pdu.source_addr_npi, pdu.dest_addr_npi],
        esm_class: pdu.esm_class,
        coding: pdu.data_coding,
        report: pdu.registered_delivery,
        udh: (pdu.short_message.udh || []).map((part) => part.toString('hex')).join(''),
        text: text(pdu.short_message.message),
    });
    if (mute) return;
    const refuse = (command_status) => session.send(pdu.response({command_status}));
    switch (behaviour) {
        case '901': {
            const times = (complained.get(pdu.destination_addr) || 0) + 1;
            complained.set(pdu.destination_addr, times);
            if (times <= 3) return refuse(smpp.ESME_RTHROTTLED);
            break;
        }
        case '902': return refuse(smpp.ESME_RINVDSTADR);
        case '903': return session.destroy();
        case '904': return undefined;
        case '910':
            mute = true;
            return undefined;
        case '911': return refuse(smpp.ESME_RSYSERR);
    }
    if (behaviour === '914' && (pdu.esm_class & 0x40) && pdu.registered_delivery) return refuse(smpp.ESME_RINVDSTADR);
    const message_id = String(++number).padStart(8, '0');
    const take = () => {
        tell('taken', {message_id});
        session.send(pdu.response({message_id}));
    };
    if (!pdu.registered_delivery) return take();
    const state = {'905': 'UNDELIV', '906': 'EXPIRED', '908': 'DELIVRD', '912': 'REJECTD'}[behaviour] || 'DELIVRD';
    if (behaviour === '908') {
        receipt(message_id, pdu, state);
        return setTimeout(take, 300);
    }
    take();
    if (behaviour === '907') return undefined;
    if (behaviour === '909') receipt(message_id, pdu, state);
    return receipt(message_id, pdu, state);
}

function text(message) {
    return Buffer.isBuffer(message) ? message.toString('hex') : message;
}

function receipt(message_id, pdu, state) {
    const receiver = [...sessions].find((session) => session.receives);
    if (!receiver) return tell('undeliverable', {message_id});
    const error = state === 'DELIVRD' ? '000' : '021';
    return receiver.deliver_sm({
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: 0x04,
        short_message: `id:${message_id} sub:001 dlvrd:001 submit date:2611270000 done date:2611270000 `
            + `stat:${state} err:${error} text:`,
    }, (answer) => tell('reported', {message_id, status: answer.command_status}));
}

function hang_up() {
    for (const session of sessions) session.destroy();
}

// {"from", "to", "coding", "esm_class", "hex" of the whole short_message, "tlvs", "then_drop"}
const input = readline.createInterface({input: process.stdin});
input.on('close', () => process.exit());
input.on('line', (line) => {
    const wanted = JSON.parse(line);
    if (wanted.echo) return tell('echo', {});
    if (wanted.drop) return hang_up();
    const receiver = [...sessions].find((session) => session.receives);
    if (!receiver) {
        tell('undeliverable', {});
        return;
    }
    receiver.deliver_sm({
        source_addr: wanted.from,
        source_addr_ton: wanted.from_ton ?? 1,
        destination_addr: wanted.to,
        dest_addr_ton: wanted.to_ton ?? 1,
        esm_class: wanted.esm_class || 0,
        data_coding: wanted.coding || 0,
        short_message: Buffer.from(wanted.hex || '', 'hex'),
        ...(wanted.tlvs || {}),
    }, (answer) => {
        tell('delivered', {tag: wanted.tag, status: answer.command_status});
        if (wanted.then_drop) hang_up();
    });
});
