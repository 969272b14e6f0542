// Loads 2-D tiles from HBM (AXI4 read channel, 256 bits) into the buffers A, B, V and P.
//
// Commands become bursts (fvgm_dma_split); each outstanding burst owns one AXI ID, and a table of
// that ID says which unit its next beat goes to, so that beats of different bursts may come in any
// order. A beat writes one or two units through a port that the four buffers share: wr_valid_o and
// wr_ready_i have one bit per buffer (buffer_e).
//
// Parameters: AxiSlots outstanding bursts (>= 2), BurstBeats beats in the longest burst (1 to 128).
// Latency: command to ARVALID 4 cycles, 11 with a list; beat to buffer write 2 cycles; last write
// to done_o 1 cycle, when the data is visible to a read request. Throughput: one burst issued per
// cycle, one beat per cycle.
// Errors: a beat with SLVERR or DECERR is not written; error_o holds from then on with
// error_addr_o, the address of its burst, and done_o stays low. After an error, and while halt_i,
// no burst is issued, the outstanding ones are still taken. A list entry out of bound is the same
// error with the command's hbm_addr, once the bursts of the rows before it are issued. idle_o:
// nothing outstanding at the AXI port or on the way into a buffer, and, unless stopped, no command
// in hand.
module fvgm_dma_load
  import fvgm_isa_pkg::*;
  import fvgm_dma_pkg::*;
#(
  parameter int unsigned AxiSlots   = 4,
  parameter int unsigned BurstBeats = 8,
  localparam int unsigned IdBits = $clog2(AxiSlots)
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  input  logic                cmd_valid_i,
  output logic                cmd_ready_o,
  input  transfer_t           cmd_i,
  output logic                done_o,

  input  logic                halt_i,
  output logic                error_o,
  output logic [HbmBits-1:0]  error_addr_o,
  output logic                idle_o,

  output logic                mb_rd_valid_o,
  output logic [15:0]         mb_rd_addr_o,
  input  logic [31:0]         mb_rd_data_i,

  output logic [IdBits-1:0]   m_axi_arid,
  output logic [HbmBits-1:0]  m_axi_araddr,
  output logic [LenBits-1:0]  m_axi_arlen,
  output logic [2:0]          m_axi_arsize,
  output logic [1:0]          m_axi_arburst,
  output logic [3:0]          m_axi_arcache,
  output logic [2:0]          m_axi_arprot,
  output logic                m_axi_arvalid,
  input  logic                m_axi_arready,
  input  logic [IdBits-1:0]   m_axi_rid,
  input  logic [BeatBits-1:0] m_axi_rdata,
  input  logic [1:0]          m_axi_rresp,
  input  logic                m_axi_rlast,
  input  logic                m_axi_rvalid,
  output logic                m_axi_rready,

  output logic [3:0]               wr_valid_o,
  input  logic [3:0]               wr_ready_i,
  output logic [1:0]               wr_mask_o,
  output logic [1:0][UnitBits-1:0] wr_addr_o,
  output logic [1:0][127:0]        wr_data_o
);

  typedef struct packed {
    logic [IdBits-1:0]   id;
    logic                last;
    logic                failed;
    logic [BeatBits-1:0] data;
  } beat_t;

  // Where the next beat of a slot goes.
  typedef struct packed {
    logic                half;
    logic [1:0]          buffer;
    logic [UnitBits-1:0] step;
  } place_t;

  logic stop, split_busy, burst_valid, burst_ready;
  burst_t burst;

  logic issue, issue_ready, retire, fail, open_cmds, slots_busy;
  logic [IdBits-1:0] slot;

  assign stop = halt_i || error_o;

  fvgm_dma_split #(
    .BurstBeats(BurstBeats)
  ) u_split (
    .clk_i,
    .rst_ni,
    .halt_i(stop),
    .cmd_valid_i,
    .cmd_ready_o,
    .cmd_i,
    .burst_valid_o(burst_valid),
    .burst_ready_i(burst_ready),
    .burst_o(burst),
    .mb_rd_valid_o,
    .mb_rd_addr_o,
    .mb_rd_data_i,
    .busy_o(split_busy)
  );

  // AR channel: the burst gets its slot on entering the output register.
  logic ar_valid_q;
  logic [IdBits-1:0] ar_id_q;
  logic [HbmBits-1:0] ar_addr_q;
  logic [LenBits-1:0] ar_len_q;

  assign burst_ready = issue_ready && !stop && !burst.bad && (!ar_valid_q || m_axi_arready);
  assign issue = burst_valid && burst_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) ar_valid_q <= 1'b0;
    else if (issue) ar_valid_q <= 1'b1;
    else if (m_axi_arready) ar_valid_q <= 1'b0;

    if (issue) begin
      ar_id_q <= slot;
      ar_addr_q <= burst.addr;
      ar_len_q <= burst.len;
    end
  end

  assign m_axi_arvalid = ar_valid_q;
  assign m_axi_arid = ar_id_q;
  assign m_axi_araddr = ar_addr_q;
  assign m_axi_arlen = ar_len_q;
  assign m_axi_arsize = BeatSize;
  assign m_axi_arburst = BurstIncr;
  assign m_axi_arcache = CacheNormal;
  assign m_axi_arprot = ProtNone;

  // R channel: register slice, then the slot's place.
  beat_t r_in, beat;
  logic beat_valid, beat_ready, take;
  place_t place_q[AxiSlots];
  logic [UnitBits-1:0] unit_q[AxiSlots];
  logic [UnitBits-1:0] unit0, unit1;
  place_t place;

  assign r_in = '{id: m_axi_rid, last: m_axi_rlast, failed: m_axi_rresp[1], data: m_axi_rdata};

  fvgm_dma_fifo #(
    .Width($bits(beat_t)),
    .Depth(2)
  ) u_slice (
    .clk_i,
    .rst_ni,
    .in_valid_i(m_axi_rvalid),
    .in_ready_o(m_axi_rready),
    .in_data_i(r_in),
    .out_valid_o(beat_valid),
    .out_ready_i(beat_ready),
    .out_data_o(beat)
  );

  assign take = beat_valid && beat_ready;
  assign place = place_q[beat.id];
  assign unit0 = unit_q[beat.id];
  assign unit1 = unit0 + place.step;
  assign fail = take && beat.failed;

  // The slot that a burst enters is free, the slot of a beat is not: the two writes never meet.
  always_ff @(posedge clk_i) begin
    if (issue) begin
      place_q[slot] <= '{half: burst.half, buffer: burst.buffer, step: burst.unit_step};
      unit_q[slot] <= burst.first_unit;
    end
    if (take) unit_q[beat.id] <= unit1 + place.step;
  end

  // Write register, shared by the buffers; out_sel_q has no bit set for a beat that is dropped.
  logic out_valid_q, out_last_q, out_done;
  logic [3:0] out_sel_q;
  logic [IdBits-1:0] out_id_q;
  logic [1:0] wr_mask_q;
  logic [1:0][UnitBits-1:0] wr_addr_q;
  logic [1:0][127:0] wr_data_q;

  assign out_done = out_valid_q && (out_sel_q & ~wr_ready_i) == '0;
  assign beat_ready = !out_valid_q || out_done;
  assign retire = out_done && out_last_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      out_valid_q <= 1'b0;
      out_sel_q <= '0;
    end else if (beat_ready) begin
      out_valid_q <= take;
      out_sel_q <= (take && !beat.failed) ? 4'b0001 << place.buffer : 4'b0000;
    end
    if (take) begin
      out_last_q <= beat.last;
      out_id_q <= beat.id;
      wr_mask_q <= {!(beat.last && place.half), 1'b1};
      wr_addr_q <= {unit1, unit0};
      wr_data_q <= beat.data;
    end
  end

  assign wr_valid_o = out_sel_q;
  assign wr_mask_o = wr_mask_q;
  assign wr_addr_o = wr_addr_q;
  assign wr_data_o = wr_data_q;

  fvgm_dma_track #(
    .Slots(AxiSlots)
  ) u_track (
    .clk_i,
    .rst_ni,
    .issue_ready_o(issue_ready),
    .slot_o(slot),
    .issue_i(issue),
    .issue_last_i(burst.last),
    .issue_addr_i(burst.addr),
    .retire_i(retire),
    .retire_slot_i(out_id_q),
    .fail_i(fail),
    .fail_slot_i(beat.id),
    .reject_i(burst_valid && burst.bad),
    .reject_addr_i(burst.addr),
    .done_o,
    .error_o,
    .error_addr_o,
    .open_cmds_o(open_cmds),
    .busy_o(slots_busy)
  );

  // A slot stays busy from the entry into the AR register until its last beat is written.
  assign idle_o = !slots_busy && (stop || !(split_busy || open_cmds));

  logic unused_resp;
  assign unused_resp = m_axi_rresp[0];

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(ArHeld, m_axi_arvalid && !m_axi_arready |=> m_axi_arvalid && $stable(m_axi_araddr) &&
               $stable(m_axi_arlen) && $stable(m_axi_arid))
  `FVGM_ASSERT(ArPage, m_axi_arvalid |-> 13'(m_axi_araddr[11:0]) + {m_axi_arlen[7:0], 5'b0} <
               13'd4096)
  `FVGM_ASSERT(ArAligned, m_axi_arvalid |-> m_axi_araddr[4:0] == 5'd0)
  `FVGM_ASSERT(WriteHeld, wr_valid_o != '0 && (wr_valid_o & ~wr_ready_i) != '0 |=>
               $stable(wr_valid_o) && $stable(wr_mask_o) && $stable(wr_addr_o) &&
               $stable(wr_data_o))

endmodule
