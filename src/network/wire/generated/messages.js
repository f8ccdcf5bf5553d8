// Generated from messages.proto by `node src/network/wire/generate.ts`. Do not edit.
import { decodeMessage, encodeMessage, enumeration, MaxLengthError, message, streamMessage } from 'protons-runtime';
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc';
export var TensorHeader;
(function (TensorHeader) {
    let Kind;
    (function (Kind) {
        Kind["ACTIVATION"] = "ACTIVATION";
        Kind["GRADIENT"] = "GRADIENT";
        Kind["CONTRIBUTION"] = "CONTRIBUTION";
        Kind["SUM"] = "SUM";
    })(Kind = TensorHeader.Kind || (TensorHeader.Kind = {}));
    let __KindValues;
    (function (__KindValues) {
        __KindValues[__KindValues["ACTIVATION"] = 0] = "ACTIVATION";
        __KindValues[__KindValues["GRADIENT"] = 1] = "GRADIENT";
        __KindValues[__KindValues["CONTRIBUTION"] = 2] = "CONTRIBUTION";
        __KindValues[__KindValues["SUM"] = 3] = "SUM";
    })(__KindValues || (__KindValues = {}));
    (function (Kind) {
        Kind.codec = () => {
            return enumeration(__KindValues);
        };
    })(Kind = TensorHeader.Kind || (TensorHeader.Kind = {}));
    let Type;
    (function (Type) {
        Type["F32"] = "F32";
        Type["F16"] = "F16";
        Type["INT8"] = "INT8";
    })(Type = TensorHeader.Type || (TensorHeader.Type = {}));
    let __TypeValues;
    (function (__TypeValues) {
        __TypeValues[__TypeValues["F32"] = 0] = "F32";
        __TypeValues[__TypeValues["F16"] = 1] = "F16";
        __TypeValues[__TypeValues["INT8"] = 2] = "INT8";
    })(__TypeValues || (__TypeValues = {}));
    (function (Type) {
        Type.codec = () => {
            return enumeration(__TypeValues);
        };
    })(Type = TensorHeader.Type || (TensorHeader.Type = {}));
    let _codec;
    TensorHeader.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.kind != null && __KindValues[obj.kind] !== 0) {
                    w.uint32(8);
                    TensorHeader.Kind.codec().encode(obj.kind, w);
                }
                if (obj.type != null && __TypeValues[obj.type] !== 0) {
                    w.uint32(16);
                    TensorHeader.Type.codec().encode(obj.type, w);
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.iteration);
                }
                if ((obj.attempt != null && obj.attempt !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.attempt);
                }
                if ((obj.microbatch != null && obj.microbatch !== 0)) {
                    w.uint32(40);
                    w.uint32(obj.microbatch);
                }
                if ((obj.hop != null && obj.hop !== 0)) {
                    w.uint32(48);
                    w.uint32(obj.hop);
                }
                if (obj.path != null && obj.path.length > 0) {
                    for (const value of obj.path) {
                        w.uint32(58);
                        Hop.codec().encode(value, w);
                    }
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(64);
                    w.uint32(obj.stage);
                }
                if ((obj.round != null && obj.round !== 0)) {
                    w.uint32(72);
                    w.uint32(obj.round);
                }
                if ((obj.firstElement != null && obj.firstElement !== 0)) {
                    w.uint32(80);
                    w.uint32(obj.firstElement);
                }
                if ((obj.elements != null && obj.elements !== 0)) {
                    w.uint32(88);
                    w.uint32(obj.elements);
                }
                if (obj.receipt != null) {
                    w.uint32(128);
                    w.uint32(obj.receipt);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    kind: Kind.ACTIVATION,
                    type: Type.F32,
                    iteration: 0,
                    attempt: 0,
                    microbatch: 0,
                    hop: 0,
                    path: [],
                    stage: 0,
                    round: 0,
                    firstElement: 0,
                    elements: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.kind = TensorHeader.Kind.codec().decode(reader);
                            break;
                        }
                        case 2: {
                            obj.type = TensorHeader.Type.codec().decode(reader);
                            break;
                        }
                        case 3: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.attempt = reader.uint32();
                            break;
                        }
                        case 5: {
                            obj.microbatch = reader.uint32();
                            break;
                        }
                        case 6: {
                            obj.hop = reader.uint32();
                            break;
                        }
                        case 7: {
                            if (opts.limits?.path != null && obj.path.length === opts.limits.path) {
                                throw new MaxLengthError('Decode error - repeated field "path" had too many elements');
                            }
                            obj.path.push(Hop.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.path$
                            }));
                            break;
                        }
                        case 8: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 9: {
                            obj.round = reader.uint32();
                            break;
                        }
                        case 10: {
                            obj.firstElement = reader.uint32();
                            break;
                        }
                        case 11: {
                            obj.elements = reader.uint32();
                            break;
                        }
                        case 16: {
                            obj.receipt = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    path: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.kind`,
                                value: TensorHeader.Kind.codec().decode(reader)
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.type`,
                                value: TensorHeader.Type.codec().decode(reader)
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.attempt`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.microbatch`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.hop`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 7: {
                            if (opts.limits?.path != null && obj.path === opts.limits.path) {
                                throw new MaxLengthError('Streaming decode error - repeated field "path" had too many elements');
                            }
                            for (const evt of Hop.codec().stream(reader, reader.uint32(), `${prefix}.path[]`, {
                                limits: opts.limits?.path$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.path
                                };
                            }
                            obj.path++;
                            break;
                        }
                        case 8: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 9: {
                            yield {
                                field: `${prefix}.round`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 10: {
                            yield {
                                field: `${prefix}.firstElement`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 11: {
                            yield {
                                field: `${prefix}.elements`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 16: {
                            yield {
                                field: `${prefix}.receipt`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, TensorHeader.codec());
    }
    TensorHeader.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, TensorHeader.codec(), opts);
    }
    TensorHeader.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, TensorHeader.codec(), opts);
    }
    TensorHeader.stream = stream;
})(TensorHeader || (TensorHeader = {}));
export var Hop;
(function (Hop) {
    let _codec;
    Hop.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.stage);
                }
                if ((obj.peer != null && obj.peer !== '')) {
                    w.uint32(18);
                    w.string(obj.peer);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    stage: 0,
                    peer: ''
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.peer = reader.string();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.peer`,
                                value: reader.string()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Hop.codec());
    }
    Hop.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Hop.codec(), opts);
    }
    Hop.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Hop.codec(), opts);
    }
    Hop.stream = stream;
})(Hop || (Hop = {}));
export var Control;
(function (Control) {
    let _codec;
    Control.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                obj = { ...obj };
                if (obj.consensus != null) {
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.close != null) {
                    obj.consensus = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.applied != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.leave != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.ready != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.suspicion != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.done != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.slotRequest != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.dropped != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.exchanged != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.exchangeOrder != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.finished != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.entriesWanted != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.entries != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.refused != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.accepted != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.join = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.join != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.heartbeat = undefined;
                }
                if (obj.heartbeat != null) {
                    obj.consensus = undefined;
                    obj.close = undefined;
                    obj.applied = undefined;
                    obj.leave = undefined;
                    obj.ready = undefined;
                    obj.suspicion = undefined;
                    obj.done = undefined;
                    obj.slotRequest = undefined;
                    obj.dropped = undefined;
                    obj.exchanged = undefined;
                    obj.exchangeOrder = undefined;
                    obj.finished = undefined;
                    obj.entriesWanted = undefined;
                    obj.entries = undefined;
                    obj.refused = undefined;
                    obj.accepted = undefined;
                    obj.join = undefined;
                }
                if ((obj.request != null && obj.request !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.request);
                }
                if ((obj.answer != null && obj.answer !== false)) {
                    w.uint32(16);
                    w.bool(obj.answer);
                }
                if (obj.heartbeat != null) {
                    w.uint32(82);
                    Heartbeat.codec().encode(obj.heartbeat, w);
                }
                if (obj.join != null) {
                    w.uint32(90);
                    JoinRequest.codec().encode(obj.join, w);
                }
                if (obj.accepted != null) {
                    w.uint32(98);
                    JoinAccepted.codec().encode(obj.accepted, w);
                }
                if (obj.refused != null) {
                    w.uint32(106);
                    Refused.codec().encode(obj.refused, w);
                }
                if (obj.entries != null) {
                    w.uint32(114);
                    Entries.codec().encode(obj.entries, w);
                }
                if (obj.entriesWanted != null) {
                    w.uint32(122);
                    EntriesWanted.codec().encode(obj.entriesWanted, w);
                }
                if (obj.finished != null) {
                    w.uint32(130);
                    Finished.codec().encode(obj.finished, w);
                }
                if (obj.exchangeOrder != null) {
                    w.uint32(138);
                    ExchangeOrder.codec().encode(obj.exchangeOrder, w);
                }
                if (obj.exchanged != null) {
                    w.uint32(146);
                    Exchanged.codec().encode(obj.exchanged, w);
                }
                if (obj.dropped != null) {
                    w.uint32(154);
                    Dropped.codec().encode(obj.dropped, w);
                }
                if (obj.slotRequest != null) {
                    w.uint32(162);
                    SlotRequest.codec().encode(obj.slotRequest, w);
                }
                if (obj.done != null) {
                    w.uint32(170);
                    Done.codec().encode(obj.done, w);
                }
                if (obj.suspicion != null) {
                    w.uint32(178);
                    Suspicion.codec().encode(obj.suspicion, w);
                }
                if (obj.ready != null) {
                    w.uint32(186);
                    Ready.codec().encode(obj.ready, w);
                }
                if (obj.leave != null) {
                    w.uint32(194);
                    LeaveNotice.codec().encode(obj.leave, w);
                }
                if (obj.applied != null) {
                    w.uint32(202);
                    Applied.codec().encode(obj.applied, w);
                }
                if (obj.close != null) {
                    w.uint32(210);
                    Close.codec().encode(obj.close, w);
                }
                if (obj.consensus != null) {
                    w.uint32(218);
                    Consensus.codec().encode(obj.consensus, w);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    request: 0,
                    answer: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.request = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.answer = reader.bool();
                            break;
                        }
                        case 10: {
                            obj.heartbeat = Heartbeat.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.heartbeat
                            });
                            break;
                        }
                        case 11: {
                            obj.join = JoinRequest.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.join
                            });
                            break;
                        }
                        case 12: {
                            obj.accepted = JoinAccepted.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.accepted
                            });
                            break;
                        }
                        case 13: {
                            obj.refused = Refused.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.refused
                            });
                            break;
                        }
                        case 14: {
                            obj.entries = Entries.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.entries
                            });
                            break;
                        }
                        case 15: {
                            obj.entriesWanted = EntriesWanted.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.entriesWanted
                            });
                            break;
                        }
                        case 16: {
                            obj.finished = Finished.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.finished
                            });
                            break;
                        }
                        case 17: {
                            obj.exchangeOrder = ExchangeOrder.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.exchangeOrder
                            });
                            break;
                        }
                        case 18: {
                            obj.exchanged = Exchanged.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.exchanged
                            });
                            break;
                        }
                        case 19: {
                            obj.dropped = Dropped.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.dropped
                            });
                            break;
                        }
                        case 20: {
                            obj.slotRequest = SlotRequest.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.slotRequest
                            });
                            break;
                        }
                        case 21: {
                            obj.done = Done.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.done
                            });
                            break;
                        }
                        case 22: {
                            obj.suspicion = Suspicion.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.suspicion
                            });
                            break;
                        }
                        case 23: {
                            obj.ready = Ready.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.ready
                            });
                            break;
                        }
                        case 24: {
                            obj.leave = LeaveNotice.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.leave
                            });
                            break;
                        }
                        case 25: {
                            obj.applied = Applied.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.applied
                            });
                            break;
                        }
                        case 26: {
                            obj.close = Close.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.close
                            });
                            break;
                        }
                        case 27: {
                            obj.consensus = Consensus.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.consensus
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                if (obj.consensus != null) {
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.close != null) {
                    delete obj.consensus;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.applied != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.leave != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.ready != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.suspicion != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.done != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.slotRequest != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.dropped != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.exchanged != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.exchangeOrder != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.finished != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.entriesWanted != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.entries != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.refused != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.accepted;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.accepted != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.join;
                    delete obj.heartbeat;
                }
                if (obj.join != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.heartbeat;
                }
                if (obj.heartbeat != null) {
                    delete obj.consensus;
                    delete obj.close;
                    delete obj.applied;
                    delete obj.leave;
                    delete obj.ready;
                    delete obj.suspicion;
                    delete obj.done;
                    delete obj.slotRequest;
                    delete obj.dropped;
                    delete obj.exchanged;
                    delete obj.exchangeOrder;
                    delete obj.finished;
                    delete obj.entriesWanted;
                    delete obj.entries;
                    delete obj.refused;
                    delete obj.accepted;
                    delete obj.join;
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.request`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.answer`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 10: {
                            yield* Heartbeat.codec().stream(reader, reader.uint32(), `${prefix}.heartbeat`, {
                                limits: opts.limits?.heartbeat
                            });
                            break;
                        }
                        case 11: {
                            yield* JoinRequest.codec().stream(reader, reader.uint32(), `${prefix}.join`, {
                                limits: opts.limits?.join
                            });
                            break;
                        }
                        case 12: {
                            yield* JoinAccepted.codec().stream(reader, reader.uint32(), `${prefix}.accepted`, {
                                limits: opts.limits?.accepted
                            });
                            break;
                        }
                        case 13: {
                            yield* Refused.codec().stream(reader, reader.uint32(), `${prefix}.refused`, {
                                limits: opts.limits?.refused
                            });
                            break;
                        }
                        case 14: {
                            yield* Entries.codec().stream(reader, reader.uint32(), `${prefix}.entries`, {
                                limits: opts.limits?.entries
                            });
                            break;
                        }
                        case 15: {
                            yield* EntriesWanted.codec().stream(reader, reader.uint32(), `${prefix}.entriesWanted`, {
                                limits: opts.limits?.entriesWanted
                            });
                            break;
                        }
                        case 16: {
                            yield* Finished.codec().stream(reader, reader.uint32(), `${prefix}.finished`, {
                                limits: opts.limits?.finished
                            });
                            break;
                        }
                        case 17: {
                            yield* ExchangeOrder.codec().stream(reader, reader.uint32(), `${prefix}.exchangeOrder`, {
                                limits: opts.limits?.exchangeOrder
                            });
                            break;
                        }
                        case 18: {
                            yield* Exchanged.codec().stream(reader, reader.uint32(), `${prefix}.exchanged`, {
                                limits: opts.limits?.exchanged
                            });
                            break;
                        }
                        case 19: {
                            yield* Dropped.codec().stream(reader, reader.uint32(), `${prefix}.dropped`, {
                                limits: opts.limits?.dropped
                            });
                            break;
                        }
                        case 20: {
                            yield* SlotRequest.codec().stream(reader, reader.uint32(), `${prefix}.slotRequest`, {
                                limits: opts.limits?.slotRequest
                            });
                            break;
                        }
                        case 21: {
                            yield* Done.codec().stream(reader, reader.uint32(), `${prefix}.done`, {
                                limits: opts.limits?.done
                            });
                            break;
                        }
                        case 22: {
                            yield* Suspicion.codec().stream(reader, reader.uint32(), `${prefix}.suspicion`, {
                                limits: opts.limits?.suspicion
                            });
                            break;
                        }
                        case 23: {
                            yield* Ready.codec().stream(reader, reader.uint32(), `${prefix}.ready`, {
                                limits: opts.limits?.ready
                            });
                            break;
                        }
                        case 24: {
                            yield* LeaveNotice.codec().stream(reader, reader.uint32(), `${prefix}.leave`, {
                                limits: opts.limits?.leave
                            });
                            break;
                        }
                        case 25: {
                            yield* Applied.codec().stream(reader, reader.uint32(), `${prefix}.applied`, {
                                limits: opts.limits?.applied
                            });
                            break;
                        }
                        case 26: {
                            yield* Close.codec().stream(reader, reader.uint32(), `${prefix}.close`, {
                                limits: opts.limits?.close
                            });
                            break;
                        }
                        case 27: {
                            yield* Consensus.codec().stream(reader, reader.uint32(), `${prefix}.consensus`, {
                                limits: opts.limits?.consensus
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Control.codec());
    }
    Control.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Control.codec(), opts);
    }
    Control.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Control.codec(), opts);
    }
    Control.stream = stream;
})(Control || (Control = {}));
export var Heartbeat;
(function (Heartbeat) {
    let _codec;
    Heartbeat.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.sequence != null && obj.sequence !== 0)) {
                    w.uint32(8);
                    w.uint64Number(obj.sequence);
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.iteration);
                }
                if ((obj.journalIndex != null && obj.journalIndex !== 0)) {
                    w.uint32(24);
                    w.uint64Number(obj.journalIndex);
                }
                if ((obj.echo != null && obj.echo !== 0)) {
                    w.uint32(32);
                    w.uint64Number(obj.echo);
                }
                if ((obj.heldMicroseconds != null && obj.heldMicroseconds !== 0)) {
                    w.uint32(40);
                    w.uint64Number(obj.heldMicroseconds);
                }
                if ((obj.intervalMicroseconds != null && obj.intervalMicroseconds !== 0)) {
                    w.uint32(48);
                    w.uint64Number(obj.intervalMicroseconds);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    sequence: 0,
                    iteration: 0,
                    journalIndex: 0,
                    echo: 0,
                    heldMicroseconds: 0,
                    intervalMicroseconds: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.sequence = reader.uint64Number();
                            break;
                        }
                        case 2: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.journalIndex = reader.uint64Number();
                            break;
                        }
                        case 4: {
                            obj.echo = reader.uint64Number();
                            break;
                        }
                        case 5: {
                            obj.heldMicroseconds = reader.uint64Number();
                            break;
                        }
                        case 6: {
                            obj.intervalMicroseconds = reader.uint64Number();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.sequence`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.journalIndex`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.echo`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.heldMicroseconds`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.intervalMicroseconds`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Heartbeat.codec());
    }
    Heartbeat.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Heartbeat.codec(), opts);
    }
    Heartbeat.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Heartbeat.codec(), opts);
    }
    Heartbeat.stream = stream;
})(Heartbeat || (Heartbeat = {}));
export var JoinRequest;
(function (JoinRequest) {
    let _codec;
    JoinRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.runId != null && obj.runId !== '')) {
                    w.uint32(10);
                    w.string(obj.runId);
                }
                if ((obj.version != null && obj.version !== '')) {
                    w.uint32(18);
                    w.string(obj.version);
                }
                if ((obj.name != null && obj.name !== '')) {
                    w.uint32(26);
                    w.string(obj.name);
                }
                if (obj.addresses != null && obj.addresses.length > 0) {
                    for (const value of obj.addresses) {
                        w.uint32(34);
                        w.string(value);
                    }
                }
                if ((obj.dataDigest != null && obj.dataDigest !== '')) {
                    w.uint32(42);
                    w.string(obj.dataDigest);
                }
                if (obj.stored != null && obj.stored.length > 0) {
                    for (const value of obj.stored) {
                        w.uint32(50);
                        StoredStage.codec().encode(value, w);
                    }
                }
                if ((obj.wantedStage != null && obj.wantedStage !== 0)) {
                    w.uint32(56);
                    w.int32(obj.wantedStage);
                }
                if ((obj.term != null && obj.term !== 0)) {
                    w.uint32(64);
                    w.uint32(obj.term);
                }
                if ((obj.journalLength != null && obj.journalLength !== 0)) {
                    w.uint32(72);
                    w.uint64Number(obj.journalLength);
                }
                if (obj.memoryMicrobatches != null) {
                    w.uint32(80);
                    w.uint32(obj.memoryMicrobatches);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    runId: '',
                    version: '',
                    name: '',
                    addresses: [],
                    dataDigest: '',
                    stored: [],
                    wantedStage: 0,
                    term: 0,
                    journalLength: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.runId = reader.string();
                            break;
                        }
                        case 2: {
                            obj.version = reader.string();
                            break;
                        }
                        case 3: {
                            obj.name = reader.string();
                            break;
                        }
                        case 4: {
                            if (opts.limits?.addresses != null && obj.addresses.length === opts.limits.addresses) {
                                throw new MaxLengthError('Decode error - repeated field "addresses" had too many elements');
                            }
                            obj.addresses.push(reader.string());
                            break;
                        }
                        case 5: {
                            obj.dataDigest = reader.string();
                            break;
                        }
                        case 6: {
                            if (opts.limits?.stored != null && obj.stored.length === opts.limits.stored) {
                                throw new MaxLengthError('Decode error - repeated field "stored" had too many elements');
                            }
                            obj.stored.push(StoredStage.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.stored$
                            }));
                            break;
                        }
                        case 7: {
                            obj.wantedStage = reader.int32();
                            break;
                        }
                        case 8: {
                            obj.term = reader.uint32();
                            break;
                        }
                        case 9: {
                            obj.journalLength = reader.uint64Number();
                            break;
                        }
                        case 10: {
                            obj.memoryMicrobatches = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    addresses: 0,
                    stored: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.runId`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.version`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.name`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 4: {
                            if (opts.limits?.addresses != null && obj.addresses === opts.limits.addresses) {
                                throw new MaxLengthError('Streaming decode error - repeated field "addresses" had too many elements');
                            }
                            yield {
                                field: `${prefix}.addresses[]`,
                                index: obj.addresses,
                                value: reader.string()
                            };
                            obj.addresses++;
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.dataDigest`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 6: {
                            if (opts.limits?.stored != null && obj.stored === opts.limits.stored) {
                                throw new MaxLengthError('Streaming decode error - repeated field "stored" had too many elements');
                            }
                            for (const evt of StoredStage.codec().stream(reader, reader.uint32(), `${prefix}.stored[]`, {
                                limits: opts.limits?.stored$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.stored
                                };
                            }
                            obj.stored++;
                            break;
                        }
                        case 7: {
                            yield {
                                field: `${prefix}.wantedStage`,
                                value: reader.int32()
                            };
                            break;
                        }
                        case 8: {
                            yield {
                                field: `${prefix}.term`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 9: {
                            yield {
                                field: `${prefix}.journalLength`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 10: {
                            yield {
                                field: `${prefix}.memoryMicrobatches`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, JoinRequest.codec());
    }
    JoinRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, JoinRequest.codec(), opts);
    }
    JoinRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, JoinRequest.codec(), opts);
    }
    JoinRequest.stream = stream;
})(JoinRequest || (JoinRequest = {}));
export var StoredStage;
(function (StoredStage) {
    let _codec;
    StoredStage.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.stage);
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.iteration);
                }
                if ((obj.digest != null && obj.digest !== '')) {
                    w.uint32(26);
                    w.string(obj.digest);
                }
                if ((obj.copy != null && obj.copy !== false)) {
                    w.uint32(32);
                    w.bool(obj.copy);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    stage: 0,
                    iteration: 0,
                    digest: '',
                    copy: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.digest = reader.string();
                            break;
                        }
                        case 4: {
                            obj.copy = reader.bool();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.digest`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.copy`,
                                value: reader.bool()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, StoredStage.codec());
    }
    StoredStage.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoredStage.codec(), opts);
    }
    StoredStage.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoredStage.codec(), opts);
    }
    StoredStage.stream = stream;
})(StoredStage || (StoredStage = {}));
export var JoinAccepted;
(function (JoinAccepted) {
    let _codec;
    JoinAccepted.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.leader != null && obj.leader !== '')) {
                    w.uint32(10);
                    w.string(obj.leader);
                }
                if ((obj.manifest != null && obj.manifest.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.manifest);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    leader: '',
                    manifest: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.leader = reader.string();
                            break;
                        }
                        case 2: {
                            obj.manifest = reader.bytes();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.leader`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.manifest`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, JoinAccepted.codec());
    }
    JoinAccepted.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, JoinAccepted.codec(), opts);
    }
    JoinAccepted.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, JoinAccepted.codec(), opts);
    }
    JoinAccepted.stream = stream;
})(JoinAccepted || (JoinAccepted = {}));
export var Refused;
(function (Refused) {
    let Reason;
    (function (Reason) {
        Reason["OTHER"] = "OTHER";
        Reason["WRONG_RUN"] = "WRONG_RUN";
        Reason["WRONG_VERSION"] = "WRONG_VERSION";
        Reason["FULL"] = "FULL";
        Reason["WRONG_DATA"] = "WRONG_DATA";
        Reason["NOT_LEADER"] = "NOT_LEADER";
        Reason["BUSY"] = "BUSY";
        Reason["NOT_MEMBER"] = "NOT_MEMBER";
    })(Reason = Refused.Reason || (Refused.Reason = {}));
    let __ReasonValues;
    (function (__ReasonValues) {
        __ReasonValues[__ReasonValues["OTHER"] = 0] = "OTHER";
        __ReasonValues[__ReasonValues["WRONG_RUN"] = 1] = "WRONG_RUN";
        __ReasonValues[__ReasonValues["WRONG_VERSION"] = 2] = "WRONG_VERSION";
        __ReasonValues[__ReasonValues["FULL"] = 3] = "FULL";
        __ReasonValues[__ReasonValues["WRONG_DATA"] = 4] = "WRONG_DATA";
        __ReasonValues[__ReasonValues["NOT_LEADER"] = 5] = "NOT_LEADER";
        __ReasonValues[__ReasonValues["BUSY"] = 6] = "BUSY";
        __ReasonValues[__ReasonValues["NOT_MEMBER"] = 7] = "NOT_MEMBER";
    })(__ReasonValues || (__ReasonValues = {}));
    (function (Reason) {
        Reason.codec = () => {
            return enumeration(__ReasonValues);
        };
    })(Reason = Refused.Reason || (Refused.Reason = {}));
    let _codec;
    Refused.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.reason != null && __ReasonValues[obj.reason] !== 0) {
                    w.uint32(8);
                    Refused.Reason.codec().encode(obj.reason, w);
                }
                if ((obj.message != null && obj.message !== '')) {
                    w.uint32(18);
                    w.string(obj.message);
                }
                if ((obj.leader != null && obj.leader !== '')) {
                    w.uint32(26);
                    w.string(obj.leader);
                }
                if (obj.leaderAddresses != null && obj.leaderAddresses.length > 0) {
                    for (const value of obj.leaderAddresses) {
                        w.uint32(34);
                        w.string(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    reason: Reason.OTHER,
                    message: '',
                    leader: '',
                    leaderAddresses: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.reason = Refused.Reason.codec().decode(reader);
                            break;
                        }
                        case 2: {
                            obj.message = reader.string();
                            break;
                        }
                        case 3: {
                            obj.leader = reader.string();
                            break;
                        }
                        case 4: {
                            if (opts.limits?.leaderAddresses != null && obj.leaderAddresses.length === opts.limits.leaderAddresses) {
                                throw new MaxLengthError('Decode error - repeated field "leaderAddresses" had too many elements');
                            }
                            obj.leaderAddresses.push(reader.string());
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    leaderAddresses: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.reason`,
                                value: Refused.Reason.codec().decode(reader)
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.message`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.leader`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 4: {
                            if (opts.limits?.leaderAddresses != null && obj.leaderAddresses === opts.limits.leaderAddresses) {
                                throw new MaxLengthError('Streaming decode error - repeated field "leaderAddresses" had too many elements');
                            }
                            yield {
                                field: `${prefix}.leaderAddresses[]`,
                                index: obj.leaderAddresses,
                                value: reader.string()
                            };
                            obj.leaderAddresses++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Refused.codec());
    }
    Refused.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Refused.codec(), opts);
    }
    Refused.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Refused.codec(), opts);
    }
    Refused.stream = stream;
})(Refused || (Refused = {}));
export var Entries;
(function (Entries) {
    let _codec;
    Entries.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.entries != null && obj.entries.length > 0) {
                    for (const value of obj.entries) {
                        w.uint32(10);
                        w.bytes(value);
                    }
                }
                if (obj.certificate != null) {
                    w.uint32(18);
                    Certificate.codec().encode(obj.certificate, w);
                }
                if (obj.proofs != null && obj.proofs.length > 0) {
                    for (const value of obj.proofs) {
                        w.uint32(26);
                        Certificate.codec().encode(value, w);
                    }
                }
                if (obj.summary != null) {
                    w.uint32(34);
                    Summary.codec().encode(obj.summary, w);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    entries: [],
                    proofs: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.entries != null && obj.entries.length === opts.limits.entries) {
                                throw new MaxLengthError('Decode error - repeated field "entries" had too many elements');
                            }
                            obj.entries.push(reader.bytes());
                            break;
                        }
                        case 2: {
                            obj.certificate = Certificate.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.certificate
                            });
                            break;
                        }
                        case 3: {
                            if (opts.limits?.proofs != null && obj.proofs.length === opts.limits.proofs) {
                                throw new MaxLengthError('Decode error - repeated field "proofs" had too many elements');
                            }
                            obj.proofs.push(Certificate.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.proofs$
                            }));
                            break;
                        }
                        case 4: {
                            obj.summary = Summary.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.summary
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    entries: 0,
                    proofs: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.entries != null && obj.entries === opts.limits.entries) {
                                throw new MaxLengthError('Streaming decode error - repeated field "entries" had too many elements');
                            }
                            yield {
                                field: `${prefix}.entries[]`,
                                index: obj.entries,
                                value: reader.bytes()
                            };
                            obj.entries++;
                            break;
                        }
                        case 2: {
                            yield* Certificate.codec().stream(reader, reader.uint32(), `${prefix}.certificate`, {
                                limits: opts.limits?.certificate
                            });
                            break;
                        }
                        case 3: {
                            if (opts.limits?.proofs != null && obj.proofs === opts.limits.proofs) {
                                throw new MaxLengthError('Streaming decode error - repeated field "proofs" had too many elements');
                            }
                            for (const evt of Certificate.codec().stream(reader, reader.uint32(), `${prefix}.proofs[]`, {
                                limits: opts.limits?.proofs$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.proofs
                                };
                            }
                            obj.proofs++;
                            break;
                        }
                        case 4: {
                            yield* Summary.codec().stream(reader, reader.uint32(), `${prefix}.summary`, {
                                limits: opts.limits?.summary
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Entries.codec());
    }
    Entries.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Entries.codec(), opts);
    }
    Entries.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Entries.codec(), opts);
    }
    Entries.stream = stream;
})(Entries || (Entries = {}));
export var Summary;
(function (Summary) {
    let _codec;
    Summary.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.state != null && obj.state.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.state);
                }
                if (obj.entries != null && obj.entries.length > 0) {
                    for (const value of obj.entries) {
                        w.uint32(18);
                        w.bytes(value);
                    }
                }
                if (obj.proofs != null && obj.proofs.length > 0) {
                    for (const value of obj.proofs) {
                        w.uint32(26);
                        Certificate.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    state: uint8ArrayAlloc(0),
                    entries: [],
                    proofs: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.state = reader.bytes();
                            break;
                        }
                        case 2: {
                            if (opts.limits?.entries != null && obj.entries.length === opts.limits.entries) {
                                throw new MaxLengthError('Decode error - repeated field "entries" had too many elements');
                            }
                            obj.entries.push(reader.bytes());
                            break;
                        }
                        case 3: {
                            if (opts.limits?.proofs != null && obj.proofs.length === opts.limits.proofs) {
                                throw new MaxLengthError('Decode error - repeated field "proofs" had too many elements');
                            }
                            obj.proofs.push(Certificate.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.proofs$
                            }));
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    entries: 0,
                    proofs: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.state`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            if (opts.limits?.entries != null && obj.entries === opts.limits.entries) {
                                throw new MaxLengthError('Streaming decode error - repeated field "entries" had too many elements');
                            }
                            yield {
                                field: `${prefix}.entries[]`,
                                index: obj.entries,
                                value: reader.bytes()
                            };
                            obj.entries++;
                            break;
                        }
                        case 3: {
                            if (opts.limits?.proofs != null && obj.proofs === opts.limits.proofs) {
                                throw new MaxLengthError('Streaming decode error - repeated field "proofs" had too many elements');
                            }
                            for (const evt of Certificate.codec().stream(reader, reader.uint32(), `${prefix}.proofs[]`, {
                                limits: opts.limits?.proofs$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.proofs
                                };
                            }
                            obj.proofs++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Summary.codec());
    }
    Summary.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Summary.codec(), opts);
    }
    Summary.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Summary.codec(), opts);
    }
    Summary.stream = stream;
})(Summary || (Summary = {}));
export var EntriesWanted;
(function (EntriesWanted) {
    let _codec;
    EntriesWanted.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.fromIndex != null && obj.fromIndex !== 0)) {
                    w.uint32(8);
                    w.uint64Number(obj.fromIndex);
                }
                if ((obj.orSummary != null && obj.orSummary !== false)) {
                    w.uint32(16);
                    w.bool(obj.orSummary);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    fromIndex: 0,
                    orSummary: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.fromIndex = reader.uint64Number();
                            break;
                        }
                        case 2: {
                            obj.orSummary = reader.bool();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.fromIndex`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.orSummary`,
                                value: reader.bool()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, EntriesWanted.codec());
    }
    EntriesWanted.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, EntriesWanted.codec(), opts);
    }
    EntriesWanted.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, EntriesWanted.codec(), opts);
    }
    EntriesWanted.stream = stream;
})(EntriesWanted || (EntriesWanted = {}));
export var Finished;
(function (Finished) {
    let _codec;
    Finished.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.iteration);
                }
                if ((obj.attempt != null && obj.attempt !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.attempt);
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.stage);
                }
                if (obj.microbatches != null && obj.microbatches.length > 0) {
                    for (const value of obj.microbatches) {
                        w.uint32(32);
                        w.uint32(value);
                    }
                }
                if (obj.losses != null && obj.losses.length > 0) {
                    for (const value of obj.losses) {
                        w.uint32(42);
                        MicrobatchLoss.codec().encode(value, w);
                    }
                }
                if ((obj.computeSeconds != null && obj.computeSeconds !== 0)) {
                    w.uint32(49);
                    w.double(obj.computeSeconds);
                }
                if ((obj.visits != null && obj.visits !== 0)) {
                    w.uint32(56);
                    w.uint32(obj.visits);
                }
                if ((obj.final != null && obj.final !== false)) {
                    w.uint32(64);
                    w.bool(obj.final);
                }
                if ((obj.forwardMicroseconds != null && obj.forwardMicroseconds !== 0)) {
                    w.uint32(72);
                    w.uint64Number(obj.forwardMicroseconds);
                }
                if ((obj.backwardMicroseconds != null && obj.backwardMicroseconds !== 0)) {
                    w.uint32(80);
                    w.uint64Number(obj.backwardMicroseconds);
                }
                if ((obj.headMicroseconds != null && obj.headMicroseconds !== 0)) {
                    w.uint32(88);
                    w.uint64Number(obj.headMicroseconds);
                }
                if (obj.links != null && obj.links.length > 0) {
                    for (const value of obj.links) {
                        w.uint32(98);
                        LinkTime.codec().encode(value, w);
                    }
                }
                if (obj.probes != null && obj.probes.length > 0) {
                    for (const value of obj.probes) {
                        w.uint32(106);
                        Probe.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    iteration: 0,
                    attempt: 0,
                    stage: 0,
                    microbatches: [],
                    losses: [],
                    computeSeconds: 0,
                    visits: 0,
                    final: false,
                    forwardMicroseconds: 0,
                    backwardMicroseconds: 0,
                    headMicroseconds: 0,
                    links: [],
                    probes: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.attempt = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 4: {
                            if (opts.limits?.microbatches != null && obj.microbatches.length === opts.limits.microbatches) {
                                throw new MaxLengthError('Decode error - repeated field "microbatches" had too many elements');
                            }
                            obj.microbatches.push(reader.uint32());
                            break;
                        }
                        case 5: {
                            if (opts.limits?.losses != null && obj.losses.length === opts.limits.losses) {
                                throw new MaxLengthError('Decode error - repeated field "losses" had too many elements');
                            }
                            obj.losses.push(MicrobatchLoss.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.losses$
                            }));
                            break;
                        }
                        case 6: {
                            obj.computeSeconds = reader.double();
                            break;
                        }
                        case 7: {
                            obj.visits = reader.uint32();
                            break;
                        }
                        case 8: {
                            obj.final = reader.bool();
                            break;
                        }
                        case 9: {
                            obj.forwardMicroseconds = reader.uint64Number();
                            break;
                        }
                        case 10: {
                            obj.backwardMicroseconds = reader.uint64Number();
                            break;
                        }
                        case 11: {
                            obj.headMicroseconds = reader.uint64Number();
                            break;
                        }
                        case 12: {
                            if (opts.limits?.links != null && obj.links.length === opts.limits.links) {
                                throw new MaxLengthError('Decode error - repeated field "links" had too many elements');
                            }
                            obj.links.push(LinkTime.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.links$
                            }));
                            break;
                        }
                        case 13: {
                            if (opts.limits?.probes != null && obj.probes.length === opts.limits.probes) {
                                throw new MaxLengthError('Decode error - repeated field "probes" had too many elements');
                            }
                            obj.probes.push(Probe.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.probes$
                            }));
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    microbatches: 0,
                    losses: 0,
                    links: 0,
                    probes: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.attempt`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            if (opts.limits?.microbatches != null && obj.microbatches === opts.limits.microbatches) {
                                throw new MaxLengthError('Streaming decode error - repeated field "microbatches" had too many elements');
                            }
                            yield {
                                field: `${prefix}.microbatches[]`,
                                index: obj.microbatches,
                                value: reader.uint32()
                            };
                            obj.microbatches++;
                            break;
                        }
                        case 5: {
                            if (opts.limits?.losses != null && obj.losses === opts.limits.losses) {
                                throw new MaxLengthError('Streaming decode error - repeated field "losses" had too many elements');
                            }
                            for (const evt of MicrobatchLoss.codec().stream(reader, reader.uint32(), `${prefix}.losses[]`, {
                                limits: opts.limits?.losses$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.losses
                                };
                            }
                            obj.losses++;
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.computeSeconds`,
                                value: reader.double()
                            };
                            break;
                        }
                        case 7: {
                            yield {
                                field: `${prefix}.visits`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 8: {
                            yield {
                                field: `${prefix}.final`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 9: {
                            yield {
                                field: `${prefix}.forwardMicroseconds`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 10: {
                            yield {
                                field: `${prefix}.backwardMicroseconds`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 11: {
                            yield {
                                field: `${prefix}.headMicroseconds`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 12: {
                            if (opts.limits?.links != null && obj.links === opts.limits.links) {
                                throw new MaxLengthError('Streaming decode error - repeated field "links" had too many elements');
                            }
                            for (const evt of LinkTime.codec().stream(reader, reader.uint32(), `${prefix}.links[]`, {
                                limits: opts.limits?.links$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.links
                                };
                            }
                            obj.links++;
                            break;
                        }
                        case 13: {
                            if (opts.limits?.probes != null && obj.probes === opts.limits.probes) {
                                throw new MaxLengthError('Streaming decode error - repeated field "probes" had too many elements');
                            }
                            for (const evt of Probe.codec().stream(reader, reader.uint32(), `${prefix}.probes[]`, {
                                limits: opts.limits?.probes$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.probes
                                };
                            }
                            obj.probes++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Finished.codec());
    }
    Finished.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Finished.codec(), opts);
    }
    Finished.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Finished.codec(), opts);
    }
    Finished.stream = stream;
})(Finished || (Finished = {}));
export var Probe;
(function (Probe) {
    let _codec;
    Probe.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.probe != null && obj.probe !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.probe);
                }
                if ((obj.differences != null && obj.differences.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.differences);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    probe: 0,
                    differences: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.probe = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.differences = reader.bytes();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.probe`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.differences`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Probe.codec());
    }
    Probe.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Probe.codec(), opts);
    }
    Probe.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Probe.codec(), opts);
    }
    Probe.stream = stream;
})(Probe || (Probe = {}));
export var LinkTime;
(function (LinkTime) {
    let _codec;
    LinkTime.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.to != null && obj.to !== '')) {
                    w.uint32(10);
                    w.string(obj.to);
                }
                if ((obj.microseconds != null && obj.microseconds !== 0)) {
                    w.uint32(16);
                    w.uint64Number(obj.microseconds);
                }
                if ((obj.latencyMicroseconds != null && obj.latencyMicroseconds !== 0)) {
                    w.uint32(24);
                    w.uint64Number(obj.latencyMicroseconds);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    to: '',
                    microseconds: 0,
                    latencyMicroseconds: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.to = reader.string();
                            break;
                        }
                        case 2: {
                            obj.microseconds = reader.uint64Number();
                            break;
                        }
                        case 3: {
                            obj.latencyMicroseconds = reader.uint64Number();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.to`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.microseconds`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.latencyMicroseconds`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, LinkTime.codec());
    }
    LinkTime.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, LinkTime.codec(), opts);
    }
    LinkTime.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, LinkTime.codec(), opts);
    }
    LinkTime.stream = stream;
})(LinkTime || (LinkTime = {}));
export var MicrobatchLoss;
(function (MicrobatchLoss) {
    let _codec;
    MicrobatchLoss.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.microbatch != null && obj.microbatch !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.microbatch);
                }
                if ((obj.loss != null && obj.loss !== 0)) {
                    w.uint32(17);
                    w.double(obj.loss);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    microbatch: 0,
                    loss: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.microbatch = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.loss = reader.double();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.microbatch`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.loss`,
                                value: reader.double()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, MicrobatchLoss.codec());
    }
    MicrobatchLoss.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, MicrobatchLoss.codec(), opts);
    }
    MicrobatchLoss.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, MicrobatchLoss.codec(), opts);
    }
    MicrobatchLoss.stream = stream;
})(MicrobatchLoss || (MicrobatchLoss = {}));
export var ExchangeOrder;
(function (ExchangeOrder) {
    let _codec;
    ExchangeOrder.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.iteration);
                }
                if ((obj.attempt != null && obj.attempt !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.attempt);
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.stage);
                }
                if ((obj.round != null && obj.round !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.round);
                }
                if (obj.contributors != null && obj.contributors.length > 0) {
                    for (const value of obj.contributors) {
                        w.uint32(42);
                        w.string(value);
                    }
                }
                if (obj.receivers != null && obj.receivers.length > 0) {
                    for (const value of obj.receivers) {
                        w.uint32(50);
                        w.string(value);
                    }
                }
                if ((obj.microbatches != null && obj.microbatches !== 0)) {
                    w.uint32(56);
                    w.uint32(obj.microbatches);
                }
                if (obj.places != null && obj.places.length > 0) {
                    for (const value of obj.places) {
                        w.uint32(64);
                        w.uint32(value);
                    }
                }
                if ((obj.deadlineSeconds != null && obj.deadlineSeconds !== 0)) {
                    w.uint32(73);
                    w.double(obj.deadlineSeconds);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    iteration: 0,
                    attempt: 0,
                    stage: 0,
                    round: 0,
                    contributors: [],
                    receivers: [],
                    microbatches: 0,
                    places: [],
                    deadlineSeconds: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.attempt = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.round = reader.uint32();
                            break;
                        }
                        case 5: {
                            if (opts.limits?.contributors != null && obj.contributors.length === opts.limits.contributors) {
                                throw new MaxLengthError('Decode error - repeated field "contributors" had too many elements');
                            }
                            obj.contributors.push(reader.string());
                            break;
                        }
                        case 6: {
                            if (opts.limits?.receivers != null && obj.receivers.length === opts.limits.receivers) {
                                throw new MaxLengthError('Decode error - repeated field "receivers" had too many elements');
                            }
                            obj.receivers.push(reader.string());
                            break;
                        }
                        case 7: {
                            obj.microbatches = reader.uint32();
                            break;
                        }
                        case 8: {
                            if (opts.limits?.places != null && obj.places.length === opts.limits.places) {
                                throw new MaxLengthError('Decode error - repeated field "places" had too many elements');
                            }
                            obj.places.push(reader.uint32());
                            break;
                        }
                        case 9: {
                            obj.deadlineSeconds = reader.double();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    contributors: 0,
                    receivers: 0,
                    places: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.attempt`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.round`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 5: {
                            if (opts.limits?.contributors != null && obj.contributors === opts.limits.contributors) {
                                throw new MaxLengthError('Streaming decode error - repeated field "contributors" had too many elements');
                            }
                            yield {
                                field: `${prefix}.contributors[]`,
                                index: obj.contributors,
                                value: reader.string()
                            };
                            obj.contributors++;
                            break;
                        }
                        case 6: {
                            if (opts.limits?.receivers != null && obj.receivers === opts.limits.receivers) {
                                throw new MaxLengthError('Streaming decode error - repeated field "receivers" had too many elements');
                            }
                            yield {
                                field: `${prefix}.receivers[]`,
                                index: obj.receivers,
                                value: reader.string()
                            };
                            obj.receivers++;
                            break;
                        }
                        case 7: {
                            yield {
                                field: `${prefix}.microbatches`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 8: {
                            if (opts.limits?.places != null && obj.places === opts.limits.places) {
                                throw new MaxLengthError('Streaming decode error - repeated field "places" had too many elements');
                            }
                            yield {
                                field: `${prefix}.places[]`,
                                index: obj.places,
                                value: reader.uint32()
                            };
                            obj.places++;
                            break;
                        }
                        case 9: {
                            yield {
                                field: `${prefix}.deadlineSeconds`,
                                value: reader.double()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, ExchangeOrder.codec());
    }
    ExchangeOrder.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, ExchangeOrder.codec(), opts);
    }
    ExchangeOrder.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, ExchangeOrder.codec(), opts);
    }
    ExchangeOrder.stream = stream;
})(ExchangeOrder || (ExchangeOrder = {}));
export var Exchanged;
(function (Exchanged) {
    let _codec;
    Exchanged.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.iteration);
                }
                if ((obj.attempt != null && obj.attempt !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.attempt);
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.stage);
                }
                if ((obj.round != null && obj.round !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.round);
                }
                if ((obj.digest != null && obj.digest !== '')) {
                    w.uint32(42);
                    w.string(obj.digest);
                }
                if ((obj.norm != null && obj.norm !== 0)) {
                    w.uint32(49);
                    w.double(obj.norm);
                }
                if (obj.notFinite != null && obj.notFinite.length > 0) {
                    for (const value of obj.notFinite) {
                        w.uint32(58);
                        w.string(value);
                    }
                }
                if (obj.missing != null && obj.missing.length > 0) {
                    for (const value of obj.missing) {
                        w.uint32(66);
                        w.string(value);
                    }
                }
                if (obj.unsummed != null && obj.unsummed.length > 0) {
                    for (const value of obj.unsummed) {
                        w.uint32(74);
                        w.string(value);
                    }
                }
                if (obj.squares != null && obj.squares.length > 0) {
                    for (const value of obj.squares) {
                        w.uint32(81);
                        w.double(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    iteration: 0,
                    attempt: 0,
                    stage: 0,
                    round: 0,
                    digest: '',
                    norm: 0,
                    notFinite: [],
                    missing: [],
                    unsummed: [],
                    squares: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.attempt = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.round = reader.uint32();
                            break;
                        }
                        case 5: {
                            obj.digest = reader.string();
                            break;
                        }
                        case 6: {
                            obj.norm = reader.double();
                            break;
                        }
                        case 7: {
                            if (opts.limits?.notFinite != null && obj.notFinite.length === opts.limits.notFinite) {
                                throw new MaxLengthError('Decode error - repeated field "notFinite" had too many elements');
                            }
                            obj.notFinite.push(reader.string());
                            break;
                        }
                        case 8: {
                            if (opts.limits?.missing != null && obj.missing.length === opts.limits.missing) {
                                throw new MaxLengthError('Decode error - repeated field "missing" had too many elements');
                            }
                            obj.missing.push(reader.string());
                            break;
                        }
                        case 9: {
                            if (opts.limits?.unsummed != null && obj.unsummed.length === opts.limits.unsummed) {
                                throw new MaxLengthError('Decode error - repeated field "unsummed" had too many elements');
                            }
                            obj.unsummed.push(reader.string());
                            break;
                        }
                        case 10: {
                            if (opts.limits?.squares != null && obj.squares.length === opts.limits.squares) {
                                throw new MaxLengthError('Decode error - repeated field "squares" had too many elements');
                            }
                            obj.squares.push(reader.double());
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    notFinite: 0,
                    missing: 0,
                    unsummed: 0,
                    squares: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.attempt`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.round`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.digest`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.norm`,
                                value: reader.double()
                            };
                            break;
                        }
                        case 7: {
                            if (opts.limits?.notFinite != null && obj.notFinite === opts.limits.notFinite) {
                                throw new MaxLengthError('Streaming decode error - repeated field "notFinite" had too many elements');
                            }
                            yield {
                                field: `${prefix}.notFinite[]`,
                                index: obj.notFinite,
                                value: reader.string()
                            };
                            obj.notFinite++;
                            break;
                        }
                        case 8: {
                            if (opts.limits?.missing != null && obj.missing === opts.limits.missing) {
                                throw new MaxLengthError('Streaming decode error - repeated field "missing" had too many elements');
                            }
                            yield {
                                field: `${prefix}.missing[]`,
                                index: obj.missing,
                                value: reader.string()
                            };
                            obj.missing++;
                            break;
                        }
                        case 9: {
                            if (opts.limits?.unsummed != null && obj.unsummed === opts.limits.unsummed) {
                                throw new MaxLengthError('Streaming decode error - repeated field "unsummed" had too many elements');
                            }
                            yield {
                                field: `${prefix}.unsummed[]`,
                                index: obj.unsummed,
                                value: reader.string()
                            };
                            obj.unsummed++;
                            break;
                        }
                        case 10: {
                            if (opts.limits?.squares != null && obj.squares === opts.limits.squares) {
                                throw new MaxLengthError('Streaming decode error - repeated field "squares" had too many elements');
                            }
                            yield {
                                field: `${prefix}.squares[]`,
                                index: obj.squares,
                                value: reader.double()
                            };
                            obj.squares++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Exchanged.codec());
    }
    Exchanged.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Exchanged.codec(), opts);
    }
    Exchanged.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Exchanged.codec(), opts);
    }
    Exchanged.stream = stream;
})(Exchanged || (Exchanged = {}));
export var Dropped;
(function (Dropped) {
    let _codec;
    Dropped.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.iteration);
                }
                if ((obj.attempt != null && obj.attempt !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.attempt);
                }
                if ((obj.microbatch != null && obj.microbatch !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.microbatch);
                }
                if ((obj.reason != null && obj.reason !== '')) {
                    w.uint32(34);
                    w.string(obj.reason);
                }
                if ((obj.peer != null && obj.peer !== '')) {
                    w.uint32(42);
                    w.string(obj.peer);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    iteration: 0,
                    attempt: 0,
                    microbatch: 0,
                    reason: '',
                    peer: ''
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.attempt = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.microbatch = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.reason = reader.string();
                            break;
                        }
                        case 5: {
                            obj.peer = reader.string();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.attempt`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.microbatch`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.reason`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.peer`,
                                value: reader.string()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Dropped.codec());
    }
    Dropped.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Dropped.codec(), opts);
    }
    Dropped.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Dropped.codec(), opts);
    }
    Dropped.stream = stream;
})(Dropped || (Dropped = {}));
export var SlotRequest;
(function (SlotRequest) {
    let _codec;
    SlotRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.iteration);
                }
                if ((obj.attempt != null && obj.attempt !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.attempt);
                }
                if ((obj.microbatch != null && obj.microbatch !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.microbatch);
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.stage);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    iteration: 0,
                    attempt: 0,
                    microbatch: 0,
                    stage: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.attempt = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.microbatch = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.attempt`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.microbatch`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, SlotRequest.codec());
    }
    SlotRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, SlotRequest.codec(), opts);
    }
    SlotRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, SlotRequest.codec(), opts);
    }
    SlotRequest.stream = stream;
})(SlotRequest || (SlotRequest = {}));
export var Done;
(function (Done) {
    let _codec;
    Done.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {};
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Done.codec());
    }
    Done.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Done.codec(), opts);
    }
    Done.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Done.codec(), opts);
    }
    Done.stream = stream;
})(Done || (Done = {}));
export var Suspicion;
(function (Suspicion) {
    let _codec;
    Suspicion.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.peer != null && obj.peer !== '')) {
                    w.uint32(10);
                    w.string(obj.peer);
                }
                if ((obj.broken != null && obj.broken !== false)) {
                    w.uint32(16);
                    w.bool(obj.broken);
                }
                if ((obj.silentSeconds != null && obj.silentSeconds !== 0)) {
                    w.uint32(25);
                    w.double(obj.silentSeconds);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    peer: '',
                    broken: false,
                    silentSeconds: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.peer = reader.string();
                            break;
                        }
                        case 2: {
                            obj.broken = reader.bool();
                            break;
                        }
                        case 3: {
                            obj.silentSeconds = reader.double();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.peer`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.broken`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.silentSeconds`,
                                value: reader.double()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Suspicion.codec());
    }
    Suspicion.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Suspicion.codec(), opts);
    }
    Suspicion.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Suspicion.codec(), opts);
    }
    Suspicion.stream = stream;
})(Suspicion || (Suspicion = {}));
export var Ready;
(function (Ready) {
    let _codec;
    Ready.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.stage);
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.iteration);
                }
                if ((obj.digest != null && obj.digest !== '')) {
                    w.uint32(26);
                    w.string(obj.digest);
                }
                if ((obj.failure != null && obj.failure !== '')) {
                    w.uint32(34);
                    w.string(obj.failure);
                }
                if ((obj.entry != null && obj.entry !== 0)) {
                    w.uint32(40);
                    w.uint64Number(obj.entry);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    stage: 0,
                    iteration: 0,
                    digest: '',
                    failure: '',
                    entry: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.digest = reader.string();
                            break;
                        }
                        case 4: {
                            obj.failure = reader.string();
                            break;
                        }
                        case 5: {
                            obj.entry = reader.uint64Number();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.digest`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.failure`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.entry`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Ready.codec());
    }
    Ready.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Ready.codec(), opts);
    }
    Ready.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Ready.codec(), opts);
    }
    Ready.stream = stream;
})(Ready || (Ready = {}));
export var LeaveNotice;
(function (LeaveNotice) {
    let _codec;
    LeaveNotice.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {};
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, LeaveNotice.codec());
    }
    LeaveNotice.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, LeaveNotice.codec(), opts);
    }
    LeaveNotice.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, LeaveNotice.codec(), opts);
    }
    LeaveNotice.stream = stream;
})(LeaveNotice || (LeaveNotice = {}));
export var Close;
(function (Close) {
    let _codec;
    Close.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.iteration);
                }
                if ((obj.attempt != null && obj.attempt !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.attempt);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    iteration: 0,
                    attempt: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.attempt = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.attempt`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Close.codec());
    }
    Close.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Close.codec(), opts);
    }
    Close.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Close.codec(), opts);
    }
    Close.stream = stream;
})(Close || (Close = {}));
export var Applied;
(function (Applied) {
    let _codec;
    Applied.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.iteration);
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.stage);
                }
                if ((obj.digest != null && obj.digest !== '')) {
                    w.uint32(26);
                    w.string(obj.digest);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    iteration: 0,
                    stage: 0,
                    digest: ''
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.digest = reader.string();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.digest`,
                                value: reader.string()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Applied.codec());
    }
    Applied.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Applied.codec(), opts);
    }
    Applied.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Applied.codec(), opts);
    }
    Applied.stream = stream;
})(Applied || (Applied = {}));
export var Consensus;
(function (Consensus) {
    let ConsensusKind;
    (function (ConsensusKind) {
        ConsensusKind["PRE_VOTE"] = "PRE_VOTE";
        ConsensusKind["PRE_VOTED"] = "PRE_VOTED";
        ConsensusKind["VOTE"] = "VOTE";
        ConsensusKind["VOTED"] = "VOTED";
        ConsensusKind["APPEND"] = "APPEND";
        ConsensusKind["APPENDED"] = "APPENDED";
        ConsensusKind["BEHIND"] = "BEHIND";
        ConsensusKind["INSTALL"] = "INSTALL";
        ConsensusKind["LEAD"] = "LEAD";
        ConsensusKind["REFOUND"] = "REFOUND";
    })(ConsensusKind = Consensus.ConsensusKind || (Consensus.ConsensusKind = {}));
    let __ConsensusKindValues;
    (function (__ConsensusKindValues) {
        __ConsensusKindValues[__ConsensusKindValues["PRE_VOTE"] = 0] = "PRE_VOTE";
        __ConsensusKindValues[__ConsensusKindValues["PRE_VOTED"] = 1] = "PRE_VOTED";
        __ConsensusKindValues[__ConsensusKindValues["VOTE"] = 2] = "VOTE";
        __ConsensusKindValues[__ConsensusKindValues["VOTED"] = 3] = "VOTED";
        __ConsensusKindValues[__ConsensusKindValues["APPEND"] = 4] = "APPEND";
        __ConsensusKindValues[__ConsensusKindValues["APPENDED"] = 5] = "APPENDED";
        __ConsensusKindValues[__ConsensusKindValues["BEHIND"] = 6] = "BEHIND";
        __ConsensusKindValues[__ConsensusKindValues["INSTALL"] = 7] = "INSTALL";
        __ConsensusKindValues[__ConsensusKindValues["LEAD"] = 8] = "LEAD";
        __ConsensusKindValues[__ConsensusKindValues["REFOUND"] = 9] = "REFOUND";
    })(__ConsensusKindValues || (__ConsensusKindValues = {}));
    (function (ConsensusKind) {
        ConsensusKind.codec = () => {
            return enumeration(__ConsensusKindValues);
        };
    })(ConsensusKind = Consensus.ConsensusKind || (Consensus.ConsensusKind = {}));
    let _codec;
    Consensus.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.kind != null && __ConsensusKindValues[obj.kind] !== 0) {
                    w.uint32(8);
                    Consensus.ConsensusKind.codec().encode(obj.kind, w);
                }
                if ((obj.term != null && obj.term !== 0)) {
                    w.uint32(16);
                    w.uint64Number(obj.term);
                }
                if ((obj.length != null && obj.length !== 0)) {
                    w.uint32(24);
                    w.uint64Number(obj.length);
                }
                if ((obj.lastTerm != null && obj.lastTerm !== 0)) {
                    w.uint32(32);
                    w.uint64Number(obj.lastTerm);
                }
                if ((obj.hash != null && obj.hash !== '')) {
                    w.uint32(42);
                    w.string(obj.hash);
                }
                if ((obj.granted != null && obj.granted !== false)) {
                    w.uint32(48);
                    w.bool(obj.granted);
                }
                if ((obj.handedOver != null && obj.handedOver !== false)) {
                    w.uint32(56);
                    w.bool(obj.handedOver);
                }
                if (obj.entries != null && obj.entries.length > 0) {
                    for (const value of obj.entries) {
                        w.uint32(66);
                        w.bytes(value);
                    }
                }
                if (obj.certificate != null) {
                    w.uint32(74);
                    Certificate.codec().encode(obj.certificate, w);
                }
                if ((obj.signature != null && obj.signature.byteLength > 0)) {
                    w.uint32(82);
                    w.bytes(obj.signature);
                }
                if (obj.keepers != null && obj.keepers.length > 0) {
                    for (const value of obj.keepers) {
                        w.uint32(90);
                        w.string(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    kind: ConsensusKind.PRE_VOTE,
                    term: 0,
                    length: 0,
                    lastTerm: 0,
                    hash: '',
                    granted: false,
                    handedOver: false,
                    entries: [],
                    signature: uint8ArrayAlloc(0),
                    keepers: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.kind = Consensus.ConsensusKind.codec().decode(reader);
                            break;
                        }
                        case 2: {
                            obj.term = reader.uint64Number();
                            break;
                        }
                        case 3: {
                            obj.length = reader.uint64Number();
                            break;
                        }
                        case 4: {
                            obj.lastTerm = reader.uint64Number();
                            break;
                        }
                        case 5: {
                            obj.hash = reader.string();
                            break;
                        }
                        case 6: {
                            obj.granted = reader.bool();
                            break;
                        }
                        case 7: {
                            obj.handedOver = reader.bool();
                            break;
                        }
                        case 8: {
                            if (opts.limits?.entries != null && obj.entries.length === opts.limits.entries) {
                                throw new MaxLengthError('Decode error - repeated field "entries" had too many elements');
                            }
                            obj.entries.push(reader.bytes());
                            break;
                        }
                        case 9: {
                            obj.certificate = Certificate.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.certificate
                            });
                            break;
                        }
                        case 10: {
                            obj.signature = reader.bytes();
                            break;
                        }
                        case 11: {
                            if (opts.limits?.keepers != null && obj.keepers.length === opts.limits.keepers) {
                                throw new MaxLengthError('Decode error - repeated field "keepers" had too many elements');
                            }
                            obj.keepers.push(reader.string());
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    entries: 0,
                    keepers: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.kind`,
                                value: Consensus.ConsensusKind.codec().decode(reader)
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.term`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.length`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.lastTerm`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.hash`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.granted`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 7: {
                            yield {
                                field: `${prefix}.handedOver`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 8: {
                            if (opts.limits?.entries != null && obj.entries === opts.limits.entries) {
                                throw new MaxLengthError('Streaming decode error - repeated field "entries" had too many elements');
                            }
                            yield {
                                field: `${prefix}.entries[]`,
                                index: obj.entries,
                                value: reader.bytes()
                            };
                            obj.entries++;
                            break;
                        }
                        case 9: {
                            yield* Certificate.codec().stream(reader, reader.uint32(), `${prefix}.certificate`, {
                                limits: opts.limits?.certificate
                            });
                            break;
                        }
                        case 10: {
                            yield {
                                field: `${prefix}.signature`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 11: {
                            if (opts.limits?.keepers != null && obj.keepers === opts.limits.keepers) {
                                throw new MaxLengthError('Streaming decode error - repeated field "keepers" had too many elements');
                            }
                            yield {
                                field: `${prefix}.keepers[]`,
                                index: obj.keepers,
                                value: reader.string()
                            };
                            obj.keepers++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Consensus.codec());
    }
    Consensus.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Consensus.codec(), opts);
    }
    Consensus.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Consensus.codec(), opts);
    }
    Consensus.stream = stream;
})(Consensus || (Consensus = {}));
export var Certificate;
(function (Certificate) {
    let _codec;
    Certificate.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.index != null && obj.index !== 0)) {
                    w.uint32(8);
                    w.uint64Number(obj.index);
                }
                if ((obj.term != null && obj.term !== 0)) {
                    w.uint32(16);
                    w.uint64Number(obj.term);
                }
                if ((obj.hash != null && obj.hash !== '')) {
                    w.uint32(26);
                    w.string(obj.hash);
                }
                if (obj.signatures != null && obj.signatures.length > 0) {
                    for (const value of obj.signatures) {
                        w.uint32(34);
                        KeeperSignature.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    index: 0,
                    term: 0,
                    hash: '',
                    signatures: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.index = reader.uint64Number();
                            break;
                        }
                        case 2: {
                            obj.term = reader.uint64Number();
                            break;
                        }
                        case 3: {
                            obj.hash = reader.string();
                            break;
                        }
                        case 4: {
                            if (opts.limits?.signatures != null && obj.signatures.length === opts.limits.signatures) {
                                throw new MaxLengthError('Decode error - repeated field "signatures" had too many elements');
                            }
                            obj.signatures.push(KeeperSignature.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.signatures$
                            }));
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    signatures: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.index`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.term`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.hash`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 4: {
                            if (opts.limits?.signatures != null && obj.signatures === opts.limits.signatures) {
                                throw new MaxLengthError('Streaming decode error - repeated field "signatures" had too many elements');
                            }
                            for (const evt of KeeperSignature.codec().stream(reader, reader.uint32(), `${prefix}.signatures[]`, {
                                limits: opts.limits?.signatures$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.signatures
                                };
                            }
                            obj.signatures++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Certificate.codec());
    }
    Certificate.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Certificate.codec(), opts);
    }
    Certificate.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Certificate.codec(), opts);
    }
    Certificate.stream = stream;
})(Certificate || (Certificate = {}));
export var KeeperSignature;
(function (KeeperSignature) {
    let _codec;
    KeeperSignature.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.keeper != null && obj.keeper !== '')) {
                    w.uint32(10);
                    w.string(obj.keeper);
                }
                if ((obj.signature != null && obj.signature.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.signature);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    keeper: '',
                    signature: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.keeper = reader.string();
                            break;
                        }
                        case 2: {
                            obj.signature = reader.bytes();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.keeper`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.signature`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, KeeperSignature.codec());
    }
    KeeperSignature.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, KeeperSignature.codec(), opts);
    }
    KeeperSignature.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, KeeperSignature.codec(), opts);
    }
    KeeperSignature.stream = stream;
})(KeeperSignature || (KeeperSignature = {}));
export var WeightsRequest;
(function (WeightsRequest) {
    let _codec;
    WeightsRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.stage);
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.iteration);
                }
                if ((obj.newest != null && obj.newest !== false)) {
                    w.uint32(32);
                    w.bool(obj.newest);
                }
                if ((obj.chunk != null && obj.chunk !== '')) {
                    w.uint32(42);
                    w.string(obj.chunk);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    stage: 0,
                    iteration: 0,
                    newest: false,
                    chunk: ''
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.newest = reader.bool();
                            break;
                        }
                        case 5: {
                            obj.chunk = reader.string();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.newest`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.chunk`,
                                value: reader.string()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, WeightsRequest.codec());
    }
    WeightsRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, WeightsRequest.codec(), opts);
    }
    WeightsRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, WeightsRequest.codec(), opts);
    }
    WeightsRequest.stream = stream;
})(WeightsRequest || (WeightsRequest = {}));
export var WeightsOffer;
(function (WeightsOffer) {
    let _codec;
    WeightsOffer.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.available != null && obj.available !== false)) {
                    w.uint32(8);
                    w.bool(obj.available);
                }
                if ((obj.reason != null && obj.reason !== '')) {
                    w.uint32(18);
                    w.string(obj.reason);
                }
                if ((obj.stage != null && obj.stage !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.stage);
                }
                if ((obj.iteration != null && obj.iteration !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.iteration);
                }
                if ((obj.bytes != null && obj.bytes !== 0)) {
                    w.uint32(40);
                    w.uint64Number(obj.bytes);
                }
                if ((obj.chunkBytes != null && obj.chunkBytes !== 0)) {
                    w.uint32(48);
                    w.uint32(obj.chunkBytes);
                }
                if (obj.chunkDigests != null && obj.chunkDigests.length > 0) {
                    for (const value of obj.chunkDigests) {
                        w.uint32(66);
                        w.string(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    available: false,
                    reason: '',
                    stage: 0,
                    iteration: 0,
                    bytes: 0,
                    chunkBytes: 0,
                    chunkDigests: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.available = reader.bool();
                            break;
                        }
                        case 2: {
                            obj.reason = reader.string();
                            break;
                        }
                        case 3: {
                            obj.stage = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.iteration = reader.uint32();
                            break;
                        }
                        case 5: {
                            obj.bytes = reader.uint64Number();
                            break;
                        }
                        case 6: {
                            obj.chunkBytes = reader.uint32();
                            break;
                        }
                        case 8: {
                            if (opts.limits?.chunkDigests != null && obj.chunkDigests.length === opts.limits.chunkDigests) {
                                throw new MaxLengthError('Decode error - repeated field "chunkDigests" had too many elements');
                            }
                            obj.chunkDigests.push(reader.string());
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    chunkDigests: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.available`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.reason`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.stage`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.iteration`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.bytes`,
                                value: reader.uint64Number()
                            };
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.chunkBytes`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 8: {
                            if (opts.limits?.chunkDigests != null && obj.chunkDigests === opts.limits.chunkDigests) {
                                throw new MaxLengthError('Streaming decode error - repeated field "chunkDigests" had too many elements');
                            }
                            yield {
                                field: `${prefix}.chunkDigests[]`,
                                index: obj.chunkDigests,
                                value: reader.string()
                            };
                            obj.chunkDigests++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, WeightsOffer.codec());
    }
    WeightsOffer.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, WeightsOffer.codec(), opts);
    }
    WeightsOffer.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, WeightsOffer.codec(), opts);
    }
    WeightsOffer.stream = stream;
})(WeightsOffer || (WeightsOffer = {}));
export var ChunkHeader;
(function (ChunkHeader) {
    let _codec;
    ChunkHeader.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.chunk != null && obj.chunk !== '')) {
                    w.uint32(10);
                    w.string(obj.chunk);
                }
                if ((obj.available != null && obj.available !== false)) {
                    w.uint32(16);
                    w.bool(obj.available);
                }
                if ((obj.from != null && obj.from !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.from);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    chunk: '',
                    available: false,
                    from: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.chunk = reader.string();
                            break;
                        }
                        case 2: {
                            obj.available = reader.bool();
                            break;
                        }
                        case 3: {
                            obj.from = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.chunk`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.available`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.from`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, ChunkHeader.codec());
    }
    ChunkHeader.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, ChunkHeader.codec(), opts);
    }
    ChunkHeader.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, ChunkHeader.codec(), opts);
    }
    ChunkHeader.stream = stream;
})(ChunkHeader || (ChunkHeader = {}));
