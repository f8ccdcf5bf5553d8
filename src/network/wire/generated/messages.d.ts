// Generated from messages.proto by `node src/network/wire/generate.ts`. Do not edit.
import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface TensorHeader {
    kind: TensorHeader.Kind;
    type: TensorHeader.Type;
    iteration: number;
    attempt: number;
    microbatch: number;
    hop: number;
    path: Hop[];
    stage: number;
    round: number;
    firstElement: number;
    elements: number;
    receipt?: number;
}
export declare namespace TensorHeader {
    enum Kind {
        ACTIVATION = "ACTIVATION",
        GRADIENT = "GRADIENT",
        CONTRIBUTION = "CONTRIBUTION",
        SUM = "SUM"
    }
    namespace Kind {
        const codec: () => Codec<Kind>;
    }
    enum Type {
        F32 = "F32",
        F16 = "F16",
        INT8 = "INT8"
    }
    namespace Type {
        const codec: () => Codec<Type>;
    }
    const codec: () => Codec<TensorHeader>;
    interface TensorHeaderKindFieldEvent {
        field: '$.kind';
        value: TensorHeader.Kind;
    }
    interface TensorHeaderTypeFieldEvent {
        field: '$.type';
        value: TensorHeader.Type;
    }
    interface TensorHeaderIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface TensorHeaderAttemptFieldEvent {
        field: '$.attempt';
        value: number;
    }
    interface TensorHeaderMicrobatchFieldEvent {
        field: '$.microbatch';
        value: number;
    }
    interface TensorHeaderHopFieldEvent {
        field: '$.hop';
        value: number;
    }
    interface TensorHeaderPathStageFieldEvent {
        field: '$.path[].stage';
        value: number;
        index: number;
    }
    interface TensorHeaderPathPeerFieldEvent {
        field: '$.path[].peer';
        value: string;
        index: number;
    }
    interface TensorHeaderStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface TensorHeaderRoundFieldEvent {
        field: '$.round';
        value: number;
    }
    interface TensorHeaderFirstElementFieldEvent {
        field: '$.firstElement';
        value: number;
    }
    interface TensorHeaderElementsFieldEvent {
        field: '$.elements';
        value: number;
    }
    interface TensorHeaderReceiptFieldEvent {
        field: '$.receipt';
        value: number;
    }
    function encode(obj: Partial<TensorHeader>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<TensorHeader>): TensorHeader;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<TensorHeader>): Generator<TensorHeaderKindFieldEvent | TensorHeaderTypeFieldEvent | TensorHeaderIterationFieldEvent | TensorHeaderAttemptFieldEvent | TensorHeaderMicrobatchFieldEvent | TensorHeaderHopFieldEvent | TensorHeaderPathStageFieldEvent | TensorHeaderPathPeerFieldEvent | TensorHeaderStageFieldEvent | TensorHeaderRoundFieldEvent | TensorHeaderFirstElementFieldEvent | TensorHeaderElementsFieldEvent | TensorHeaderReceiptFieldEvent>;
}
export interface Hop {
    stage: number;
    peer: string;
}
export declare namespace Hop {
    const codec: () => Codec<Hop>;
    interface HopStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface HopPeerFieldEvent {
        field: '$.peer';
        value: string;
    }
    function encode(obj: Partial<Hop>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Hop>): Hop;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Hop>): Generator<HopStageFieldEvent | HopPeerFieldEvent>;
}
export interface Control {
    request: number;
    answer: boolean;
    heartbeat?: Heartbeat;
    join?: JoinRequest;
    accepted?: JoinAccepted;
    refused?: Refused;
    entries?: Entries;
    entriesWanted?: EntriesWanted;
    finished?: Finished;
    exchangeOrder?: ExchangeOrder;
    exchanged?: Exchanged;
    dropped?: Dropped;
    slotRequest?: SlotRequest;
    done?: Done;
    suspicion?: Suspicion;
    ready?: Ready;
    leave?: LeaveNotice;
    applied?: Applied;
    close?: Close;
    consensus?: Consensus;
}
export declare namespace Control {
    const codec: () => Codec<Control>;
    interface ControlRequestFieldEvent {
        field: '$.request';
        value: number;
    }
    interface ControlAnswerFieldEvent {
        field: '$.answer';
        value: boolean;
    }
    interface ControlHeartbeatSequenceFieldEvent {
        field: '$.heartbeat.sequence';
        value: number;
    }
    interface ControlHeartbeatIterationFieldEvent {
        field: '$.heartbeat.iteration';
        value: number;
    }
    interface ControlHeartbeatJournalIndexFieldEvent {
        field: '$.heartbeat.journalIndex';
        value: number;
    }
    interface ControlHeartbeatEchoFieldEvent {
        field: '$.heartbeat.echo';
        value: number;
    }
    interface ControlHeartbeatHeldMicrosecondsFieldEvent {
        field: '$.heartbeat.heldMicroseconds';
        value: number;
    }
    interface ControlHeartbeatIntervalMicrosecondsFieldEvent {
        field: '$.heartbeat.intervalMicroseconds';
        value: number;
    }
    interface ControlJoinRunIdFieldEvent {
        field: '$.join.runId';
        value: string;
    }
    interface ControlJoinVersionFieldEvent {
        field: '$.join.version';
        value: string;
    }
    interface ControlJoinNameFieldEvent {
        field: '$.join.name';
        value: string;
    }
    interface ControlJoinAddressesFieldEvent {
        field: '$.join.addresses[]';
        index: number;
        value: string;
    }
    interface ControlJoinDataDigestFieldEvent {
        field: '$.join.dataDigest';
        value: string;
    }
    interface ControlJoinStoredStageFieldEvent {
        field: '$.join.stored[].stage';
        value: number;
        index: number;
    }
    interface ControlJoinStoredIterationFieldEvent {
        field: '$.join.stored[].iteration';
        value: number;
        index: number;
    }
    interface ControlJoinStoredDigestFieldEvent {
        field: '$.join.stored[].digest';
        value: string;
        index: number;
    }
    interface ControlJoinStoredCopyFieldEvent {
        field: '$.join.stored[].copy';
        value: boolean;
        index: number;
    }
    interface ControlJoinWantedStageFieldEvent {
        field: '$.join.wantedStage';
        value: number;
    }
    interface ControlJoinTermFieldEvent {
        field: '$.join.term';
        value: number;
    }
    interface ControlJoinJournalLengthFieldEvent {
        field: '$.join.journalLength';
        value: number;
    }
    interface ControlJoinMemoryMicrobatchesFieldEvent {
        field: '$.join.memoryMicrobatches';
        value: number;
    }
    interface ControlAcceptedLeaderFieldEvent {
        field: '$.accepted.leader';
        value: string;
    }
    interface ControlAcceptedManifestFieldEvent {
        field: '$.accepted.manifest';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ControlRefusedReasonFieldEvent {
        field: '$.refused.reason';
        value: Refused.Reason;
    }
    interface ControlRefusedMessageFieldEvent {
        field: '$.refused.message';
        value: string;
    }
    interface ControlRefusedLeaderFieldEvent {
        field: '$.refused.leader';
        value: string;
    }
    interface ControlRefusedLeaderAddressesFieldEvent {
        field: '$.refused.leaderAddresses[]';
        index: number;
        value: string;
    }
    interface ControlEntriesEntriesFieldEvent {
        field: '$.entries.entries[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface ControlEntriesCertificateIndexFieldEvent {
        field: '$.entries.certificate.index';
        value: number;
    }
    interface ControlEntriesCertificateTermFieldEvent {
        field: '$.entries.certificate.term';
        value: number;
    }
    interface ControlEntriesCertificateHashFieldEvent {
        field: '$.entries.certificate.hash';
        value: string;
    }
    interface ControlEntriesCertificateSignaturesKeeperFieldEvent {
        field: '$.entries.certificate.signatures[].keeper';
        value: string;
        index: number;
    }
    interface ControlEntriesCertificateSignaturesSignatureFieldEvent {
        field: '$.entries.certificate.signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface ControlEntriesProofsIndexFieldEvent {
        field: '$.entries.proofs[].index';
        value: number;
        index: number;
    }
    interface ControlEntriesProofsTermFieldEvent {
        field: '$.entries.proofs[].term';
        value: number;
        index: number;
    }
    interface ControlEntriesProofsHashFieldEvent {
        field: '$.entries.proofs[].hash';
        value: string;
        index: number;
    }
    interface ControlEntriesProofsSignaturesKeeperFieldEvent {
        field: '$.entries.proofs[].signatures[].keeper';
        value: string;
        index: number;
    }
    interface ControlEntriesProofsSignaturesSignatureFieldEvent {
        field: '$.entries.proofs[].signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface ControlEntriesSummaryStateFieldEvent {
        field: '$.entries.summary.state';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ControlEntriesSummaryEntriesFieldEvent {
        field: '$.entries.summary.entries[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface ControlEntriesSummaryProofsIndexFieldEvent {
        field: '$.entries.summary.proofs[].index';
        value: number;
        index: number;
    }
    interface ControlEntriesSummaryProofsTermFieldEvent {
        field: '$.entries.summary.proofs[].term';
        value: number;
        index: number;
    }
    interface ControlEntriesSummaryProofsHashFieldEvent {
        field: '$.entries.summary.proofs[].hash';
        value: string;
        index: number;
    }
    interface ControlEntriesSummaryProofsSignaturesKeeperFieldEvent {
        field: '$.entries.summary.proofs[].signatures[].keeper';
        value: string;
        index: number;
    }
    interface ControlEntriesSummaryProofsSignaturesSignatureFieldEvent {
        field: '$.entries.summary.proofs[].signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface ControlEntriesWantedFromIndexFieldEvent {
        field: '$.entriesWanted.fromIndex';
        value: number;
    }
    interface ControlEntriesWantedOrSummaryFieldEvent {
        field: '$.entriesWanted.orSummary';
        value: boolean;
    }
    interface ControlFinishedIterationFieldEvent {
        field: '$.finished.iteration';
        value: number;
    }
    interface ControlFinishedAttemptFieldEvent {
        field: '$.finished.attempt';
        value: number;
    }
    interface ControlFinishedStageFieldEvent {
        field: '$.finished.stage';
        value: number;
    }
    interface ControlFinishedMicrobatchesFieldEvent {
        field: '$.finished.microbatches[]';
        index: number;
        value: number;
    }
    interface ControlFinishedLossesMicrobatchFieldEvent {
        field: '$.finished.losses[].microbatch';
        value: number;
        index: number;
    }
    interface ControlFinishedLossesLossFieldEvent {
        field: '$.finished.losses[].loss';
        value: number;
        index: number;
    }
    interface ControlFinishedComputeSecondsFieldEvent {
        field: '$.finished.computeSeconds';
        value: number;
    }
    interface ControlFinishedVisitsFieldEvent {
        field: '$.finished.visits';
        value: number;
    }
    interface ControlFinishedFinalFieldEvent {
        field: '$.finished.final';
        value: boolean;
    }
    interface ControlFinishedForwardMicrosecondsFieldEvent {
        field: '$.finished.forwardMicroseconds';
        value: number;
    }
    interface ControlFinishedBackwardMicrosecondsFieldEvent {
        field: '$.finished.backwardMicroseconds';
        value: number;
    }
    interface ControlFinishedHeadMicrosecondsFieldEvent {
        field: '$.finished.headMicroseconds';
        value: number;
    }
    interface ControlFinishedLinksToFieldEvent {
        field: '$.finished.links[].to';
        value: string;
        index: number;
    }
    interface ControlFinishedLinksMicrosecondsFieldEvent {
        field: '$.finished.links[].microseconds';
        value: number;
        index: number;
    }
    interface ControlFinishedLinksLatencyMicrosecondsFieldEvent {
        field: '$.finished.links[].latencyMicroseconds';
        value: number;
        index: number;
    }
    interface ControlFinishedProbesProbeFieldEvent {
        field: '$.finished.probes[].probe';
        value: number;
        index: number;
    }
    interface ControlFinishedProbesDifferencesFieldEvent {
        field: '$.finished.probes[].differences';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface ControlExchangeOrderIterationFieldEvent {
        field: '$.exchangeOrder.iteration';
        value: number;
    }
    interface ControlExchangeOrderAttemptFieldEvent {
        field: '$.exchangeOrder.attempt';
        value: number;
    }
    interface ControlExchangeOrderStageFieldEvent {
        field: '$.exchangeOrder.stage';
        value: number;
    }
    interface ControlExchangeOrderRoundFieldEvent {
        field: '$.exchangeOrder.round';
        value: number;
    }
    interface ControlExchangeOrderContributorsFieldEvent {
        field: '$.exchangeOrder.contributors[]';
        index: number;
        value: string;
    }
    interface ControlExchangeOrderReceiversFieldEvent {
        field: '$.exchangeOrder.receivers[]';
        index: number;
        value: string;
    }
    interface ControlExchangeOrderMicrobatchesFieldEvent {
        field: '$.exchangeOrder.microbatches';
        value: number;
    }
    interface ControlExchangeOrderPlacesFieldEvent {
        field: '$.exchangeOrder.places[]';
        index: number;
        value: number;
    }
    interface ControlExchangeOrderDeadlineSecondsFieldEvent {
        field: '$.exchangeOrder.deadlineSeconds';
        value: number;
    }
    interface ControlExchangedIterationFieldEvent {
        field: '$.exchanged.iteration';
        value: number;
    }
    interface ControlExchangedAttemptFieldEvent {
        field: '$.exchanged.attempt';
        value: number;
    }
    interface ControlExchangedStageFieldEvent {
        field: '$.exchanged.stage';
        value: number;
    }
    interface ControlExchangedRoundFieldEvent {
        field: '$.exchanged.round';
        value: number;
    }
    interface ControlExchangedDigestFieldEvent {
        field: '$.exchanged.digest';
        value: string;
    }
    interface ControlExchangedNormFieldEvent {
        field: '$.exchanged.norm';
        value: number;
    }
    interface ControlExchangedNotFiniteFieldEvent {
        field: '$.exchanged.notFinite[]';
        index: number;
        value: string;
    }
    interface ControlExchangedMissingFieldEvent {
        field: '$.exchanged.missing[]';
        index: number;
        value: string;
    }
    interface ControlExchangedUnsummedFieldEvent {
        field: '$.exchanged.unsummed[]';
        index: number;
        value: string;
    }
    interface ControlExchangedSquaresFieldEvent {
        field: '$.exchanged.squares[]';
        index: number;
        value: number;
    }
    interface ControlDroppedIterationFieldEvent {
        field: '$.dropped.iteration';
        value: number;
    }
    interface ControlDroppedAttemptFieldEvent {
        field: '$.dropped.attempt';
        value: number;
    }
    interface ControlDroppedMicrobatchFieldEvent {
        field: '$.dropped.microbatch';
        value: number;
    }
    interface ControlDroppedReasonFieldEvent {
        field: '$.dropped.reason';
        value: string;
    }
    interface ControlDroppedPeerFieldEvent {
        field: '$.dropped.peer';
        value: string;
    }
    interface ControlSlotRequestIterationFieldEvent {
        field: '$.slotRequest.iteration';
        value: number;
    }
    interface ControlSlotRequestAttemptFieldEvent {
        field: '$.slotRequest.attempt';
        value: number;
    }
    interface ControlSlotRequestMicrobatchFieldEvent {
        field: '$.slotRequest.microbatch';
        value: number;
    }
    interface ControlSlotRequestStageFieldEvent {
        field: '$.slotRequest.stage';
        value: number;
    }
    interface ControlSuspicionPeerFieldEvent {
        field: '$.suspicion.peer';
        value: string;
    }
    interface ControlSuspicionBrokenFieldEvent {
        field: '$.suspicion.broken';
        value: boolean;
    }
    interface ControlSuspicionSilentSecondsFieldEvent {
        field: '$.suspicion.silentSeconds';
        value: number;
    }
    interface ControlReadyStageFieldEvent {
        field: '$.ready.stage';
        value: number;
    }
    interface ControlReadyIterationFieldEvent {
        field: '$.ready.iteration';
        value: number;
    }
    interface ControlReadyDigestFieldEvent {
        field: '$.ready.digest';
        value: string;
    }
    interface ControlReadyFailureFieldEvent {
        field: '$.ready.failure';
        value: string;
    }
    interface ControlReadyEntryFieldEvent {
        field: '$.ready.entry';
        value: number;
    }
    interface ControlAppliedIterationFieldEvent {
        field: '$.applied.iteration';
        value: number;
    }
    interface ControlAppliedStageFieldEvent {
        field: '$.applied.stage';
        value: number;
    }
    interface ControlAppliedDigestFieldEvent {
        field: '$.applied.digest';
        value: string;
    }
    interface ControlCloseIterationFieldEvent {
        field: '$.close.iteration';
        value: number;
    }
    interface ControlCloseAttemptFieldEvent {
        field: '$.close.attempt';
        value: number;
    }
    interface ControlConsensusKindFieldEvent {
        field: '$.consensus.kind';
        value: Consensus.ConsensusKind;
    }
    interface ControlConsensusTermFieldEvent {
        field: '$.consensus.term';
        value: number;
    }
    interface ControlConsensusLengthFieldEvent {
        field: '$.consensus.length';
        value: number;
    }
    interface ControlConsensusLastTermFieldEvent {
        field: '$.consensus.lastTerm';
        value: number;
    }
    interface ControlConsensusHashFieldEvent {
        field: '$.consensus.hash';
        value: string;
    }
    interface ControlConsensusGrantedFieldEvent {
        field: '$.consensus.granted';
        value: boolean;
    }
    interface ControlConsensusHandedOverFieldEvent {
        field: '$.consensus.handedOver';
        value: boolean;
    }
    interface ControlConsensusEntriesFieldEvent {
        field: '$.consensus.entries[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface ControlConsensusCertificateIndexFieldEvent {
        field: '$.consensus.certificate.index';
        value: number;
    }
    interface ControlConsensusCertificateTermFieldEvent {
        field: '$.consensus.certificate.term';
        value: number;
    }
    interface ControlConsensusCertificateHashFieldEvent {
        field: '$.consensus.certificate.hash';
        value: string;
    }
    interface ControlConsensusCertificateSignaturesKeeperFieldEvent {
        field: '$.consensus.certificate.signatures[].keeper';
        value: string;
        index: number;
    }
    interface ControlConsensusCertificateSignaturesSignatureFieldEvent {
        field: '$.consensus.certificate.signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface ControlConsensusSignatureFieldEvent {
        field: '$.consensus.signature';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ControlConsensusKeepersFieldEvent {
        field: '$.consensus.keepers[]';
        index: number;
        value: string;
    }
    function encode(obj: Partial<Control>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Control>): Control;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Control>): Generator<ControlRequestFieldEvent | ControlAnswerFieldEvent | ControlHeartbeatSequenceFieldEvent | ControlHeartbeatIterationFieldEvent | ControlHeartbeatJournalIndexFieldEvent | ControlHeartbeatEchoFieldEvent | ControlHeartbeatHeldMicrosecondsFieldEvent | ControlHeartbeatIntervalMicrosecondsFieldEvent | ControlJoinRunIdFieldEvent | ControlJoinVersionFieldEvent | ControlJoinNameFieldEvent | ControlJoinAddressesFieldEvent | ControlJoinDataDigestFieldEvent | ControlJoinStoredStageFieldEvent | ControlJoinStoredIterationFieldEvent | ControlJoinStoredDigestFieldEvent | ControlJoinStoredCopyFieldEvent | ControlJoinWantedStageFieldEvent | ControlJoinTermFieldEvent | ControlJoinJournalLengthFieldEvent | ControlJoinMemoryMicrobatchesFieldEvent | ControlAcceptedLeaderFieldEvent | ControlAcceptedManifestFieldEvent | ControlRefusedReasonFieldEvent | ControlRefusedMessageFieldEvent | ControlRefusedLeaderFieldEvent | ControlRefusedLeaderAddressesFieldEvent | ControlEntriesEntriesFieldEvent | ControlEntriesCertificateIndexFieldEvent | ControlEntriesCertificateTermFieldEvent | ControlEntriesCertificateHashFieldEvent | ControlEntriesCertificateSignaturesKeeperFieldEvent | ControlEntriesCertificateSignaturesSignatureFieldEvent | ControlEntriesProofsIndexFieldEvent | ControlEntriesProofsTermFieldEvent | ControlEntriesProofsHashFieldEvent | ControlEntriesProofsSignaturesKeeperFieldEvent | ControlEntriesProofsSignaturesSignatureFieldEvent | ControlEntriesSummaryStateFieldEvent | ControlEntriesSummaryEntriesFieldEvent | ControlEntriesSummaryProofsIndexFieldEvent | ControlEntriesSummaryProofsTermFieldEvent | ControlEntriesSummaryProofsHashFieldEvent | ControlEntriesSummaryProofsSignaturesKeeperFieldEvent | ControlEntriesSummaryProofsSignaturesSignatureFieldEvent | ControlEntriesWantedFromIndexFieldEvent | ControlEntriesWantedOrSummaryFieldEvent | ControlFinishedIterationFieldEvent | ControlFinishedAttemptFieldEvent | ControlFinishedStageFieldEvent | ControlFinishedMicrobatchesFieldEvent | ControlFinishedLossesMicrobatchFieldEvent | ControlFinishedLossesLossFieldEvent | ControlFinishedComputeSecondsFieldEvent | ControlFinishedVisitsFieldEvent | ControlFinishedFinalFieldEvent | ControlFinishedForwardMicrosecondsFieldEvent | ControlFinishedBackwardMicrosecondsFieldEvent | ControlFinishedHeadMicrosecondsFieldEvent | ControlFinishedLinksToFieldEvent | ControlFinishedLinksMicrosecondsFieldEvent | ControlFinishedLinksLatencyMicrosecondsFieldEvent | ControlFinishedProbesProbeFieldEvent | ControlFinishedProbesDifferencesFieldEvent | ControlExchangeOrderIterationFieldEvent | ControlExchangeOrderAttemptFieldEvent | ControlExchangeOrderStageFieldEvent | ControlExchangeOrderRoundFieldEvent | ControlExchangeOrderContributorsFieldEvent | ControlExchangeOrderReceiversFieldEvent | ControlExchangeOrderMicrobatchesFieldEvent | ControlExchangeOrderPlacesFieldEvent | ControlExchangeOrderDeadlineSecondsFieldEvent | ControlExchangedIterationFieldEvent | ControlExchangedAttemptFieldEvent | ControlExchangedStageFieldEvent | ControlExchangedRoundFieldEvent | ControlExchangedDigestFieldEvent | ControlExchangedNormFieldEvent | ControlExchangedNotFiniteFieldEvent | ControlExchangedMissingFieldEvent | ControlExchangedUnsummedFieldEvent | ControlExchangedSquaresFieldEvent | ControlDroppedIterationFieldEvent | ControlDroppedAttemptFieldEvent | ControlDroppedMicrobatchFieldEvent | ControlDroppedReasonFieldEvent | ControlDroppedPeerFieldEvent | ControlSlotRequestIterationFieldEvent | ControlSlotRequestAttemptFieldEvent | ControlSlotRequestMicrobatchFieldEvent | ControlSlotRequestStageFieldEvent | ControlSuspicionPeerFieldEvent | ControlSuspicionBrokenFieldEvent | ControlSuspicionSilentSecondsFieldEvent | ControlReadyStageFieldEvent | ControlReadyIterationFieldEvent | ControlReadyDigestFieldEvent | ControlReadyFailureFieldEvent | ControlReadyEntryFieldEvent | ControlAppliedIterationFieldEvent | ControlAppliedStageFieldEvent | ControlAppliedDigestFieldEvent | ControlCloseIterationFieldEvent | ControlCloseAttemptFieldEvent | ControlConsensusKindFieldEvent | ControlConsensusTermFieldEvent | ControlConsensusLengthFieldEvent | ControlConsensusLastTermFieldEvent | ControlConsensusHashFieldEvent | ControlConsensusGrantedFieldEvent | ControlConsensusHandedOverFieldEvent | ControlConsensusEntriesFieldEvent | ControlConsensusCertificateIndexFieldEvent | ControlConsensusCertificateTermFieldEvent | ControlConsensusCertificateHashFieldEvent | ControlConsensusCertificateSignaturesKeeperFieldEvent | ControlConsensusCertificateSignaturesSignatureFieldEvent | ControlConsensusSignatureFieldEvent | ControlConsensusKeepersFieldEvent>;
}
export interface Heartbeat {
    sequence: number;
    iteration: number;
    journalIndex: number;
    echo: number;
    heldMicroseconds: number;
    intervalMicroseconds: number;
}
export declare namespace Heartbeat {
    const codec: () => Codec<Heartbeat>;
    interface HeartbeatSequenceFieldEvent {
        field: '$.sequence';
        value: number;
    }
    interface HeartbeatIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface HeartbeatJournalIndexFieldEvent {
        field: '$.journalIndex';
        value: number;
    }
    interface HeartbeatEchoFieldEvent {
        field: '$.echo';
        value: number;
    }
    interface HeartbeatHeldMicrosecondsFieldEvent {
        field: '$.heldMicroseconds';
        value: number;
    }
    interface HeartbeatIntervalMicrosecondsFieldEvent {
        field: '$.intervalMicroseconds';
        value: number;
    }
    function encode(obj: Partial<Heartbeat>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Heartbeat>): Heartbeat;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Heartbeat>): Generator<HeartbeatSequenceFieldEvent | HeartbeatIterationFieldEvent | HeartbeatJournalIndexFieldEvent | HeartbeatEchoFieldEvent | HeartbeatHeldMicrosecondsFieldEvent | HeartbeatIntervalMicrosecondsFieldEvent>;
}
export interface JoinRequest {
    runId: string;
    version: string;
    name: string;
    addresses: string[];
    dataDigest: string;
    stored: StoredStage[];
    wantedStage: number;
    term: number;
    journalLength: number;
    memoryMicrobatches?: number;
}
export declare namespace JoinRequest {
    const codec: () => Codec<JoinRequest>;
    interface JoinRequestRunIdFieldEvent {
        field: '$.runId';
        value: string;
    }
    interface JoinRequestVersionFieldEvent {
        field: '$.version';
        value: string;
    }
    interface JoinRequestNameFieldEvent {
        field: '$.name';
        value: string;
    }
    interface JoinRequestAddressesFieldEvent {
        field: '$.addresses[]';
        index: number;
        value: string;
    }
    interface JoinRequestDataDigestFieldEvent {
        field: '$.dataDigest';
        value: string;
    }
    interface JoinRequestStoredStageFieldEvent {
        field: '$.stored[].stage';
        value: number;
        index: number;
    }
    interface JoinRequestStoredIterationFieldEvent {
        field: '$.stored[].iteration';
        value: number;
        index: number;
    }
    interface JoinRequestStoredDigestFieldEvent {
        field: '$.stored[].digest';
        value: string;
        index: number;
    }
    interface JoinRequestStoredCopyFieldEvent {
        field: '$.stored[].copy';
        value: boolean;
        index: number;
    }
    interface JoinRequestWantedStageFieldEvent {
        field: '$.wantedStage';
        value: number;
    }
    interface JoinRequestTermFieldEvent {
        field: '$.term';
        value: number;
    }
    interface JoinRequestJournalLengthFieldEvent {
        field: '$.journalLength';
        value: number;
    }
    interface JoinRequestMemoryMicrobatchesFieldEvent {
        field: '$.memoryMicrobatches';
        value: number;
    }
    function encode(obj: Partial<JoinRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<JoinRequest>): JoinRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<JoinRequest>): Generator<JoinRequestRunIdFieldEvent | JoinRequestVersionFieldEvent | JoinRequestNameFieldEvent | JoinRequestAddressesFieldEvent | JoinRequestDataDigestFieldEvent | JoinRequestStoredStageFieldEvent | JoinRequestStoredIterationFieldEvent | JoinRequestStoredDigestFieldEvent | JoinRequestStoredCopyFieldEvent | JoinRequestWantedStageFieldEvent | JoinRequestTermFieldEvent | JoinRequestJournalLengthFieldEvent | JoinRequestMemoryMicrobatchesFieldEvent>;
}
export interface StoredStage {
    stage: number;
    iteration: number;
    digest: string;
    copy: boolean;
}
export declare namespace StoredStage {
    const codec: () => Codec<StoredStage>;
    interface StoredStageStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface StoredStageIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface StoredStageDigestFieldEvent {
        field: '$.digest';
        value: string;
    }
    interface StoredStageCopyFieldEvent {
        field: '$.copy';
        value: boolean;
    }
    function encode(obj: Partial<StoredStage>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredStage>): StoredStage;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredStage>): Generator<StoredStageStageFieldEvent | StoredStageIterationFieldEvent | StoredStageDigestFieldEvent | StoredStageCopyFieldEvent>;
}
export interface JoinAccepted {
    leader: string;
    manifest: Uint8Array<ArrayBuffer>;
}
export declare namespace JoinAccepted {
    const codec: () => Codec<JoinAccepted>;
    interface JoinAcceptedLeaderFieldEvent {
        field: '$.leader';
        value: string;
    }
    interface JoinAcceptedManifestFieldEvent {
        field: '$.manifest';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<JoinAccepted>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<JoinAccepted>): JoinAccepted;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<JoinAccepted>): Generator<JoinAcceptedLeaderFieldEvent | JoinAcceptedManifestFieldEvent>;
}
export interface Refused {
    reason: Refused.Reason;
    message: string;
    leader: string;
    leaderAddresses: string[];
}
export declare namespace Refused {
    enum Reason {
        OTHER = "OTHER",
        WRONG_RUN = "WRONG_RUN",
        WRONG_VERSION = "WRONG_VERSION",
        FULL = "FULL",
        WRONG_DATA = "WRONG_DATA",
        NOT_LEADER = "NOT_LEADER",
        BUSY = "BUSY",
        NOT_MEMBER = "NOT_MEMBER"
    }
    namespace Reason {
        const codec: () => Codec<Reason>;
    }
    const codec: () => Codec<Refused>;
    interface RefusedReasonFieldEvent {
        field: '$.reason';
        value: Refused.Reason;
    }
    interface RefusedMessageFieldEvent {
        field: '$.message';
        value: string;
    }
    interface RefusedLeaderFieldEvent {
        field: '$.leader';
        value: string;
    }
    interface RefusedLeaderAddressesFieldEvent {
        field: '$.leaderAddresses[]';
        index: number;
        value: string;
    }
    function encode(obj: Partial<Refused>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Refused>): Refused;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Refused>): Generator<RefusedReasonFieldEvent | RefusedMessageFieldEvent | RefusedLeaderFieldEvent | RefusedLeaderAddressesFieldEvent>;
}
export interface Entries {
    entries: Uint8Array<ArrayBuffer>[];
    certificate?: Certificate;
    proofs: Certificate[];
    summary?: Summary;
}
export declare namespace Entries {
    const codec: () => Codec<Entries>;
    interface EntriesEntriesFieldEvent {
        field: '$.entries[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface EntriesCertificateIndexFieldEvent {
        field: '$.certificate.index';
        value: number;
    }
    interface EntriesCertificateTermFieldEvent {
        field: '$.certificate.term';
        value: number;
    }
    interface EntriesCertificateHashFieldEvent {
        field: '$.certificate.hash';
        value: string;
    }
    interface EntriesCertificateSignaturesKeeperFieldEvent {
        field: '$.certificate.signatures[].keeper';
        value: string;
        index: number;
    }
    interface EntriesCertificateSignaturesSignatureFieldEvent {
        field: '$.certificate.signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface EntriesProofsIndexFieldEvent {
        field: '$.proofs[].index';
        value: number;
        index: number;
    }
    interface EntriesProofsTermFieldEvent {
        field: '$.proofs[].term';
        value: number;
        index: number;
    }
    interface EntriesProofsHashFieldEvent {
        field: '$.proofs[].hash';
        value: string;
        index: number;
    }
    interface EntriesProofsSignaturesKeeperFieldEvent {
        field: '$.proofs[].signatures[].keeper';
        value: string;
        index: number;
    }
    interface EntriesProofsSignaturesSignatureFieldEvent {
        field: '$.proofs[].signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface EntriesSummaryStateFieldEvent {
        field: '$.summary.state';
        value: Uint8Array<ArrayBuffer>;
    }
    interface EntriesSummaryEntriesFieldEvent {
        field: '$.summary.entries[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface EntriesSummaryProofsIndexFieldEvent {
        field: '$.summary.proofs[].index';
        value: number;
        index: number;
    }
    interface EntriesSummaryProofsTermFieldEvent {
        field: '$.summary.proofs[].term';
        value: number;
        index: number;
    }
    interface EntriesSummaryProofsHashFieldEvent {
        field: '$.summary.proofs[].hash';
        value: string;
        index: number;
    }
    interface EntriesSummaryProofsSignaturesKeeperFieldEvent {
        field: '$.summary.proofs[].signatures[].keeper';
        value: string;
        index: number;
    }
    interface EntriesSummaryProofsSignaturesSignatureFieldEvent {
        field: '$.summary.proofs[].signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    function encode(obj: Partial<Entries>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Entries>): Entries;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Entries>): Generator<EntriesEntriesFieldEvent | EntriesCertificateIndexFieldEvent | EntriesCertificateTermFieldEvent | EntriesCertificateHashFieldEvent | EntriesCertificateSignaturesKeeperFieldEvent | EntriesCertificateSignaturesSignatureFieldEvent | EntriesProofsIndexFieldEvent | EntriesProofsTermFieldEvent | EntriesProofsHashFieldEvent | EntriesProofsSignaturesKeeperFieldEvent | EntriesProofsSignaturesSignatureFieldEvent | EntriesSummaryStateFieldEvent | EntriesSummaryEntriesFieldEvent | EntriesSummaryProofsIndexFieldEvent | EntriesSummaryProofsTermFieldEvent | EntriesSummaryProofsHashFieldEvent | EntriesSummaryProofsSignaturesKeeperFieldEvent | EntriesSummaryProofsSignaturesSignatureFieldEvent>;
}
export interface Summary {
    state: Uint8Array<ArrayBuffer>;
    entries: Uint8Array<ArrayBuffer>[];
    proofs: Certificate[];
}
export declare namespace Summary {
    const codec: () => Codec<Summary>;
    interface SummaryStateFieldEvent {
        field: '$.state';
        value: Uint8Array<ArrayBuffer>;
    }
    interface SummaryEntriesFieldEvent {
        field: '$.entries[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface SummaryProofsIndexFieldEvent {
        field: '$.proofs[].index';
        value: number;
        index: number;
    }
    interface SummaryProofsTermFieldEvent {
        field: '$.proofs[].term';
        value: number;
        index: number;
    }
    interface SummaryProofsHashFieldEvent {
        field: '$.proofs[].hash';
        value: string;
        index: number;
    }
    interface SummaryProofsSignaturesKeeperFieldEvent {
        field: '$.proofs[].signatures[].keeper';
        value: string;
        index: number;
    }
    interface SummaryProofsSignaturesSignatureFieldEvent {
        field: '$.proofs[].signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    function encode(obj: Partial<Summary>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Summary>): Summary;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Summary>): Generator<SummaryStateFieldEvent | SummaryEntriesFieldEvent | SummaryProofsIndexFieldEvent | SummaryProofsTermFieldEvent | SummaryProofsHashFieldEvent | SummaryProofsSignaturesKeeperFieldEvent | SummaryProofsSignaturesSignatureFieldEvent>;
}
export interface EntriesWanted {
    fromIndex: number;
    orSummary: boolean;
}
export declare namespace EntriesWanted {
    const codec: () => Codec<EntriesWanted>;
    interface EntriesWantedFromIndexFieldEvent {
        field: '$.fromIndex';
        value: number;
    }
    interface EntriesWantedOrSummaryFieldEvent {
        field: '$.orSummary';
        value: boolean;
    }
    function encode(obj: Partial<EntriesWanted>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<EntriesWanted>): EntriesWanted;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<EntriesWanted>): Generator<EntriesWantedFromIndexFieldEvent | EntriesWantedOrSummaryFieldEvent>;
}
export interface Finished {
    iteration: number;
    attempt: number;
    stage: number;
    microbatches: number[];
    losses: MicrobatchLoss[];
    computeSeconds: number;
    visits: number;
    final: boolean;
    forwardMicroseconds: number;
    backwardMicroseconds: number;
    headMicroseconds: number;
    links: LinkTime[];
    probes: Probe[];
}
export declare namespace Finished {
    const codec: () => Codec<Finished>;
    interface FinishedIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface FinishedAttemptFieldEvent {
        field: '$.attempt';
        value: number;
    }
    interface FinishedStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface FinishedMicrobatchesFieldEvent {
        field: '$.microbatches[]';
        index: number;
        value: number;
    }
    interface FinishedLossesMicrobatchFieldEvent {
        field: '$.losses[].microbatch';
        value: number;
        index: number;
    }
    interface FinishedLossesLossFieldEvent {
        field: '$.losses[].loss';
        value: number;
        index: number;
    }
    interface FinishedComputeSecondsFieldEvent {
        field: '$.computeSeconds';
        value: number;
    }
    interface FinishedVisitsFieldEvent {
        field: '$.visits';
        value: number;
    }
    interface FinishedFinalFieldEvent {
        field: '$.final';
        value: boolean;
    }
    interface FinishedForwardMicrosecondsFieldEvent {
        field: '$.forwardMicroseconds';
        value: number;
    }
    interface FinishedBackwardMicrosecondsFieldEvent {
        field: '$.backwardMicroseconds';
        value: number;
    }
    interface FinishedHeadMicrosecondsFieldEvent {
        field: '$.headMicroseconds';
        value: number;
    }
    interface FinishedLinksToFieldEvent {
        field: '$.links[].to';
        value: string;
        index: number;
    }
    interface FinishedLinksMicrosecondsFieldEvent {
        field: '$.links[].microseconds';
        value: number;
        index: number;
    }
    interface FinishedLinksLatencyMicrosecondsFieldEvent {
        field: '$.links[].latencyMicroseconds';
        value: number;
        index: number;
    }
    interface FinishedProbesProbeFieldEvent {
        field: '$.probes[].probe';
        value: number;
        index: number;
    }
    interface FinishedProbesDifferencesFieldEvent {
        field: '$.probes[].differences';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    function encode(obj: Partial<Finished>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Finished>): Finished;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Finished>): Generator<FinishedIterationFieldEvent | FinishedAttemptFieldEvent | FinishedStageFieldEvent | FinishedMicrobatchesFieldEvent | FinishedLossesMicrobatchFieldEvent | FinishedLossesLossFieldEvent | FinishedComputeSecondsFieldEvent | FinishedVisitsFieldEvent | FinishedFinalFieldEvent | FinishedForwardMicrosecondsFieldEvent | FinishedBackwardMicrosecondsFieldEvent | FinishedHeadMicrosecondsFieldEvent | FinishedLinksToFieldEvent | FinishedLinksMicrosecondsFieldEvent | FinishedLinksLatencyMicrosecondsFieldEvent | FinishedProbesProbeFieldEvent | FinishedProbesDifferencesFieldEvent>;
}
export interface Probe {
    probe: number;
    differences: Uint8Array<ArrayBuffer>;
}
export declare namespace Probe {
    const codec: () => Codec<Probe>;
    interface ProbeProbeFieldEvent {
        field: '$.probe';
        value: number;
    }
    interface ProbeDifferencesFieldEvent {
        field: '$.differences';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<Probe>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Probe>): Probe;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Probe>): Generator<ProbeProbeFieldEvent | ProbeDifferencesFieldEvent>;
}
export interface LinkTime {
    to: string;
    microseconds: number;
    latencyMicroseconds: number;
}
export declare namespace LinkTime {
    const codec: () => Codec<LinkTime>;
    interface LinkTimeToFieldEvent {
        field: '$.to';
        value: string;
    }
    interface LinkTimeMicrosecondsFieldEvent {
        field: '$.microseconds';
        value: number;
    }
    interface LinkTimeLatencyMicrosecondsFieldEvent {
        field: '$.latencyMicroseconds';
        value: number;
    }
    function encode(obj: Partial<LinkTime>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LinkTime>): LinkTime;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LinkTime>): Generator<LinkTimeToFieldEvent | LinkTimeMicrosecondsFieldEvent | LinkTimeLatencyMicrosecondsFieldEvent>;
}
export interface MicrobatchLoss {
    microbatch: number;
    loss: number;
}
export declare namespace MicrobatchLoss {
    const codec: () => Codec<MicrobatchLoss>;
    interface MicrobatchLossMicrobatchFieldEvent {
        field: '$.microbatch';
        value: number;
    }
    interface MicrobatchLossLossFieldEvent {
        field: '$.loss';
        value: number;
    }
    function encode(obj: Partial<MicrobatchLoss>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<MicrobatchLoss>): MicrobatchLoss;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<MicrobatchLoss>): Generator<MicrobatchLossMicrobatchFieldEvent | MicrobatchLossLossFieldEvent>;
}
export interface ExchangeOrder {
    iteration: number;
    attempt: number;
    stage: number;
    round: number;
    contributors: string[];
    receivers: string[];
    microbatches: number;
    places: number[];
    deadlineSeconds: number;
}
export declare namespace ExchangeOrder {
    const codec: () => Codec<ExchangeOrder>;
    interface ExchangeOrderIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface ExchangeOrderAttemptFieldEvent {
        field: '$.attempt';
        value: number;
    }
    interface ExchangeOrderStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface ExchangeOrderRoundFieldEvent {
        field: '$.round';
        value: number;
    }
    interface ExchangeOrderContributorsFieldEvent {
        field: '$.contributors[]';
        index: number;
        value: string;
    }
    interface ExchangeOrderReceiversFieldEvent {
        field: '$.receivers[]';
        index: number;
        value: string;
    }
    interface ExchangeOrderMicrobatchesFieldEvent {
        field: '$.microbatches';
        value: number;
    }
    interface ExchangeOrderPlacesFieldEvent {
        field: '$.places[]';
        index: number;
        value: number;
    }
    interface ExchangeOrderDeadlineSecondsFieldEvent {
        field: '$.deadlineSeconds';
        value: number;
    }
    function encode(obj: Partial<ExchangeOrder>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ExchangeOrder>): ExchangeOrder;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ExchangeOrder>): Generator<ExchangeOrderIterationFieldEvent | ExchangeOrderAttemptFieldEvent | ExchangeOrderStageFieldEvent | ExchangeOrderRoundFieldEvent | ExchangeOrderContributorsFieldEvent | ExchangeOrderReceiversFieldEvent | ExchangeOrderMicrobatchesFieldEvent | ExchangeOrderPlacesFieldEvent | ExchangeOrderDeadlineSecondsFieldEvent>;
}
export interface Exchanged {
    iteration: number;
    attempt: number;
    stage: number;
    round: number;
    digest: string;
    norm: number;
    notFinite: string[];
    missing: string[];
    unsummed: string[];
    squares: number[];
}
export declare namespace Exchanged {
    const codec: () => Codec<Exchanged>;
    interface ExchangedIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface ExchangedAttemptFieldEvent {
        field: '$.attempt';
        value: number;
    }
    interface ExchangedStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface ExchangedRoundFieldEvent {
        field: '$.round';
        value: number;
    }
    interface ExchangedDigestFieldEvent {
        field: '$.digest';
        value: string;
    }
    interface ExchangedNormFieldEvent {
        field: '$.norm';
        value: number;
    }
    interface ExchangedNotFiniteFieldEvent {
        field: '$.notFinite[]';
        index: number;
        value: string;
    }
    interface ExchangedMissingFieldEvent {
        field: '$.missing[]';
        index: number;
        value: string;
    }
    interface ExchangedUnsummedFieldEvent {
        field: '$.unsummed[]';
        index: number;
        value: string;
    }
    interface ExchangedSquaresFieldEvent {
        field: '$.squares[]';
        index: number;
        value: number;
    }
    function encode(obj: Partial<Exchanged>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Exchanged>): Exchanged;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Exchanged>): Generator<ExchangedIterationFieldEvent | ExchangedAttemptFieldEvent | ExchangedStageFieldEvent | ExchangedRoundFieldEvent | ExchangedDigestFieldEvent | ExchangedNormFieldEvent | ExchangedNotFiniteFieldEvent | ExchangedMissingFieldEvent | ExchangedUnsummedFieldEvent | ExchangedSquaresFieldEvent>;
}
export interface Dropped {
    iteration: number;
    attempt: number;
    microbatch: number;
    reason: string;
    peer: string;
}
export declare namespace Dropped {
    const codec: () => Codec<Dropped>;
    interface DroppedIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface DroppedAttemptFieldEvent {
        field: '$.attempt';
        value: number;
    }
    interface DroppedMicrobatchFieldEvent {
        field: '$.microbatch';
        value: number;
    }
    interface DroppedReasonFieldEvent {
        field: '$.reason';
        value: string;
    }
    interface DroppedPeerFieldEvent {
        field: '$.peer';
        value: string;
    }
    function encode(obj: Partial<Dropped>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Dropped>): Dropped;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Dropped>): Generator<DroppedIterationFieldEvent | DroppedAttemptFieldEvent | DroppedMicrobatchFieldEvent | DroppedReasonFieldEvent | DroppedPeerFieldEvent>;
}
export interface SlotRequest {
    iteration: number;
    attempt: number;
    microbatch: number;
    stage: number;
}
export declare namespace SlotRequest {
    const codec: () => Codec<SlotRequest>;
    interface SlotRequestIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface SlotRequestAttemptFieldEvent {
        field: '$.attempt';
        value: number;
    }
    interface SlotRequestMicrobatchFieldEvent {
        field: '$.microbatch';
        value: number;
    }
    interface SlotRequestStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    function encode(obj: Partial<SlotRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SlotRequest>): SlotRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SlotRequest>): Generator<SlotRequestIterationFieldEvent | SlotRequestAttemptFieldEvent | SlotRequestMicrobatchFieldEvent | SlotRequestStageFieldEvent>;
}
export interface Done {
}
export declare namespace Done {
    const codec: () => Codec<Done>;
    function encode(obj: Partial<Done>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Done>): Done;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Done>): Generator<{}>;
}
export interface Suspicion {
    peer: string;
    broken: boolean;
    silentSeconds: number;
}
export declare namespace Suspicion {
    const codec: () => Codec<Suspicion>;
    interface SuspicionPeerFieldEvent {
        field: '$.peer';
        value: string;
    }
    interface SuspicionBrokenFieldEvent {
        field: '$.broken';
        value: boolean;
    }
    interface SuspicionSilentSecondsFieldEvent {
        field: '$.silentSeconds';
        value: number;
    }
    function encode(obj: Partial<Suspicion>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Suspicion>): Suspicion;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Suspicion>): Generator<SuspicionPeerFieldEvent | SuspicionBrokenFieldEvent | SuspicionSilentSecondsFieldEvent>;
}
export interface Ready {
    stage: number;
    iteration: number;
    digest: string;
    failure: string;
    entry: number;
}
export declare namespace Ready {
    const codec: () => Codec<Ready>;
    interface ReadyStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface ReadyIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface ReadyDigestFieldEvent {
        field: '$.digest';
        value: string;
    }
    interface ReadyFailureFieldEvent {
        field: '$.failure';
        value: string;
    }
    interface ReadyEntryFieldEvent {
        field: '$.entry';
        value: number;
    }
    function encode(obj: Partial<Ready>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Ready>): Ready;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Ready>): Generator<ReadyStageFieldEvent | ReadyIterationFieldEvent | ReadyDigestFieldEvent | ReadyFailureFieldEvent | ReadyEntryFieldEvent>;
}
export interface LeaveNotice {
}
export declare namespace LeaveNotice {
    const codec: () => Codec<LeaveNotice>;
    function encode(obj: Partial<LeaveNotice>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LeaveNotice>): LeaveNotice;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LeaveNotice>): Generator<{}>;
}
export interface Close {
    iteration: number;
    attempt: number;
}
export declare namespace Close {
    const codec: () => Codec<Close>;
    interface CloseIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface CloseAttemptFieldEvent {
        field: '$.attempt';
        value: number;
    }
    function encode(obj: Partial<Close>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Close>): Close;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Close>): Generator<CloseIterationFieldEvent | CloseAttemptFieldEvent>;
}
export interface Applied {
    iteration: number;
    stage: number;
    digest: string;
}
export declare namespace Applied {
    const codec: () => Codec<Applied>;
    interface AppliedIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface AppliedStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface AppliedDigestFieldEvent {
        field: '$.digest';
        value: string;
    }
    function encode(obj: Partial<Applied>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Applied>): Applied;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Applied>): Generator<AppliedIterationFieldEvent | AppliedStageFieldEvent | AppliedDigestFieldEvent>;
}
export interface Consensus {
    kind: Consensus.ConsensusKind;
    term: number;
    length: number;
    lastTerm: number;
    hash: string;
    granted: boolean;
    handedOver: boolean;
    entries: Uint8Array<ArrayBuffer>[];
    certificate?: Certificate;
    signature: Uint8Array<ArrayBuffer>;
    keepers: string[];
}
export declare namespace Consensus {
    enum ConsensusKind {
        PRE_VOTE = "PRE_VOTE",
        PRE_VOTED = "PRE_VOTED",
        VOTE = "VOTE",
        VOTED = "VOTED",
        APPEND = "APPEND",
        APPENDED = "APPENDED",
        BEHIND = "BEHIND",
        INSTALL = "INSTALL",
        LEAD = "LEAD",
        REFOUND = "REFOUND"
    }
    namespace ConsensusKind {
        const codec: () => Codec<ConsensusKind>;
    }
    const codec: () => Codec<Consensus>;
    interface ConsensusKindFieldEvent {
        field: '$.kind';
        value: Consensus.ConsensusKind;
    }
    interface ConsensusTermFieldEvent {
        field: '$.term';
        value: number;
    }
    interface ConsensusLengthFieldEvent {
        field: '$.length';
        value: number;
    }
    interface ConsensusLastTermFieldEvent {
        field: '$.lastTerm';
        value: number;
    }
    interface ConsensusHashFieldEvent {
        field: '$.hash';
        value: string;
    }
    interface ConsensusGrantedFieldEvent {
        field: '$.granted';
        value: boolean;
    }
    interface ConsensusHandedOverFieldEvent {
        field: '$.handedOver';
        value: boolean;
    }
    interface ConsensusEntriesFieldEvent {
        field: '$.entries[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface ConsensusCertificateIndexFieldEvent {
        field: '$.certificate.index';
        value: number;
    }
    interface ConsensusCertificateTermFieldEvent {
        field: '$.certificate.term';
        value: number;
    }
    interface ConsensusCertificateHashFieldEvent {
        field: '$.certificate.hash';
        value: string;
    }
    interface ConsensusCertificateSignaturesKeeperFieldEvent {
        field: '$.certificate.signatures[].keeper';
        value: string;
        index: number;
    }
    interface ConsensusCertificateSignaturesSignatureFieldEvent {
        field: '$.certificate.signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface ConsensusSignatureFieldEvent {
        field: '$.signature';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ConsensusKeepersFieldEvent {
        field: '$.keepers[]';
        index: number;
        value: string;
    }
    function encode(obj: Partial<Consensus>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Consensus>): Consensus;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Consensus>): Generator<ConsensusKindFieldEvent | ConsensusTermFieldEvent | ConsensusLengthFieldEvent | ConsensusLastTermFieldEvent | ConsensusHashFieldEvent | ConsensusGrantedFieldEvent | ConsensusHandedOverFieldEvent | ConsensusEntriesFieldEvent | ConsensusCertificateIndexFieldEvent | ConsensusCertificateTermFieldEvent | ConsensusCertificateHashFieldEvent | ConsensusCertificateSignaturesKeeperFieldEvent | ConsensusCertificateSignaturesSignatureFieldEvent | ConsensusSignatureFieldEvent | ConsensusKeepersFieldEvent>;
}
export interface Certificate {
    index: number;
    term: number;
    hash: string;
    signatures: KeeperSignature[];
}
export declare namespace Certificate {
    const codec: () => Codec<Certificate>;
    interface CertificateIndexFieldEvent {
        field: '$.index';
        value: number;
    }
    interface CertificateTermFieldEvent {
        field: '$.term';
        value: number;
    }
    interface CertificateHashFieldEvent {
        field: '$.hash';
        value: string;
    }
    interface CertificateSignaturesKeeperFieldEvent {
        field: '$.signatures[].keeper';
        value: string;
        index: number;
    }
    interface CertificateSignaturesSignatureFieldEvent {
        field: '$.signatures[].signature';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    function encode(obj: Partial<Certificate>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Certificate>): Certificate;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Certificate>): Generator<CertificateIndexFieldEvent | CertificateTermFieldEvent | CertificateHashFieldEvent | CertificateSignaturesKeeperFieldEvent | CertificateSignaturesSignatureFieldEvent>;
}
export interface KeeperSignature {
    keeper: string;
    signature: Uint8Array<ArrayBuffer>;
}
export declare namespace KeeperSignature {
    const codec: () => Codec<KeeperSignature>;
    interface KeeperSignatureKeeperFieldEvent {
        field: '$.keeper';
        value: string;
    }
    interface KeeperSignatureSignatureFieldEvent {
        field: '$.signature';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<KeeperSignature>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<KeeperSignature>): KeeperSignature;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<KeeperSignature>): Generator<KeeperSignatureKeeperFieldEvent | KeeperSignatureSignatureFieldEvent>;
}
export interface WeightsRequest {
    stage: number;
    iteration: number;
    newest: boolean;
    chunk: string;
}
export declare namespace WeightsRequest {
    const codec: () => Codec<WeightsRequest>;
    interface WeightsRequestStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface WeightsRequestIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface WeightsRequestNewestFieldEvent {
        field: '$.newest';
        value: boolean;
    }
    interface WeightsRequestChunkFieldEvent {
        field: '$.chunk';
        value: string;
    }
    function encode(obj: Partial<WeightsRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<WeightsRequest>): WeightsRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<WeightsRequest>): Generator<WeightsRequestStageFieldEvent | WeightsRequestIterationFieldEvent | WeightsRequestNewestFieldEvent | WeightsRequestChunkFieldEvent>;
}
export interface WeightsOffer {
    available: boolean;
    reason: string;
    stage: number;
    iteration: number;
    bytes: number;
    chunkBytes: number;
    chunkDigests: string[];
}
export declare namespace WeightsOffer {
    const codec: () => Codec<WeightsOffer>;
    interface WeightsOfferAvailableFieldEvent {
        field: '$.available';
        value: boolean;
    }
    interface WeightsOfferReasonFieldEvent {
        field: '$.reason';
        value: string;
    }
    interface WeightsOfferStageFieldEvent {
        field: '$.stage';
        value: number;
    }
    interface WeightsOfferIterationFieldEvent {
        field: '$.iteration';
        value: number;
    }
    interface WeightsOfferBytesFieldEvent {
        field: '$.bytes';
        value: number;
    }
    interface WeightsOfferChunkBytesFieldEvent {
        field: '$.chunkBytes';
        value: number;
    }
    interface WeightsOfferChunkDigestsFieldEvent {
        field: '$.chunkDigests[]';
        index: number;
        value: string;
    }
    function encode(obj: Partial<WeightsOffer>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<WeightsOffer>): WeightsOffer;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<WeightsOffer>): Generator<WeightsOfferAvailableFieldEvent | WeightsOfferReasonFieldEvent | WeightsOfferStageFieldEvent | WeightsOfferIterationFieldEvent | WeightsOfferBytesFieldEvent | WeightsOfferChunkBytesFieldEvent | WeightsOfferChunkDigestsFieldEvent>;
}
export interface ChunkHeader {
    chunk: string;
    available: boolean;
    from: number;
}
export declare namespace ChunkHeader {
    const codec: () => Codec<ChunkHeader>;
    interface ChunkHeaderChunkFieldEvent {
        field: '$.chunk';
        value: string;
    }
    interface ChunkHeaderAvailableFieldEvent {
        field: '$.available';
        value: boolean;
    }
    interface ChunkHeaderFromFieldEvent {
        field: '$.from';
        value: number;
    }
    function encode(obj: Partial<ChunkHeader>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChunkHeader>): ChunkHeader;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChunkHeader>): Generator<ChunkHeaderChunkFieldEvent | ChunkHeaderAvailableFieldEvent | ChunkHeaderFromFieldEvent>;
}
