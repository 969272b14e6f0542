// Stores 2-D tiles from vbuf to HBM (AXI4 write channel, 256 bits).
//
// Commands become bursts (fvgm_dma_split). A burst enters the AW register and the queue of
// announced bursts in the same cycle; the reader works through that queue, two units of vbuf a
// beat, into a data FIFO in front of W. So AW and W run decoupled, W in the order of AW. Each
// outstanding burst owns one AXI ID; responses may come in any order.
//
// Parameters: AxiSlots outstanding bursts (>= 2), BurstBeats beats in the longest burst (1 to 128).
// Restrictions: buffer is V and unit_step is 1 (the scheduler checks both).
// Latency: command to AWVALID 4 cycles, to the first WVALID 7 cycles, 7 more with a list; last
// response to done_o 1 cycle.
// Throughput: one burst issued per cycle, one beat per cycle.
// Errors: a response SLVERR or DECERR sets error_o for good, with error_addr_o, the address of its
// burst; done_o stays low from then on. After an error, and while halt_i, no burst is issued; the
// data of the announced ones are still sent and their responses taken. A list entry out of bound is
// the same error with the command's hbm_addr, once the bursts of the rows before it are issued.
// idle_o: nothing outstanding at the AXI port, and, unless stopped, no command in hand.
module fvgm_dma_store
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

  output logic                rd_valid_o,
  input  logic                rd_ready_i,
  output logic [UnitBits-1:0] rd_addr_o,
  input  logic [BeatBits-1:0] rd_data_i,

  output logic [IdBits-1:0]     m_axi_awid,
  output logic [HbmBits-1:0]    m_axi_awaddr,
  output logic [LenBits-1:0]    m_axi_awlen,
  output logic [2:0]            m_axi_awsize,
  output logic [1:0]            m_axi_awburst,
  output logic [3:0]            m_axi_awcache,
  output logic [2:0]            m_axi_awprot,
  output logic                  m_axi_awvalid,
  input  logic                  m_axi_awready,
  output logic [BeatBits-1:0]   m_axi_wdata,
  output logic [BeatBits/8-1:0] m_axi_wstrb,
  output logic                  m_axi_wlast,
  output logic                  m_axi_wvalid,
  input  logic                  m_axi_wready,
  input  logic [IdBits-1:0]     m_axi_bid,
  input  logic [1:0]            m_axi_bresp,
  input  logic                  m_axi_bvalid,
  output logic                  m_axi_bready
);

  // A beat holds its place in the FIFO from the read request to the W handshake: at one beat per
  // cycle that is the read latency (2), the FIFO (1) and the returning credit (1).
  localparam int unsigned DataDepth = 8;
  localparam int unsigned CreditBits = $clog2(DataDepth + 1);
  localparam int unsigned JobDepth = (AxiSlots > 2) ? 2 ** $clog2(AxiSlots) : 2;

  typedef struct packed {
    logic                half;
    logic [LenBits-1:0]  len;
    logic [UnitBits-1:0] first_unit;
  } job_t;

  typedef struct packed {
    logic                last;
    logic                half;
    logic [BeatBits-1:0] data;
  } beat_t;

  logic stop, split_busy, burst_valid, burst_ready;
  burst_t burst;

  logic issue, issue_ready, retire, open_cmds, slots_busy;
  logic [IdBits-1:0] slot;

  assign stop = halt_i || error_o;

  fvgm_dma_split #(
    .BurstBeats(BurstBeats),
    .StepOne(1'b1)
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

  // AW channel: a burst in this register is announced and will be completed.
  logic aw_valid_q;
  logic [IdBits-1:0] aw_id_q;
  logic [HbmBits-1:0] aw_addr_q;
  logic [LenBits-1:0] aw_len_q;
  job_t job_in, job;
  logic job_in_ready, job_valid, job_ready;

  assign burst_ready = issue_ready && job_in_ready && !stop && !burst.bad &&
                       (!aw_valid_q || m_axi_awready);
  assign issue = burst_valid && burst_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) aw_valid_q <= 1'b0;
    else if (issue) aw_valid_q <= 1'b1;
    else if (m_axi_awready) aw_valid_q <= 1'b0;

    if (issue) begin
      aw_id_q <= slot;
      aw_addr_q <= burst.addr;
      aw_len_q <= burst.len;
    end
  end

  assign m_axi_awvalid = aw_valid_q;
  assign m_axi_awid = aw_id_q;
  assign m_axi_awaddr = aw_addr_q;
  assign m_axi_awlen = aw_len_q;
  assign m_axi_awsize = BeatSize;
  assign m_axi_awburst = BurstIncr;
  assign m_axi_awcache = CacheNormal;
  assign m_axi_awprot = ProtNone;

  assign job_in = '{half: burst.half, len: burst.len, first_unit: burst.first_unit};

  fvgm_dma_fifo #(
    .Width($bits(job_t)),
    .Depth(JobDepth)
  ) u_jobs (
    .clk_i,
    .rst_ni,
    .in_valid_i(issue),
    .in_ready_o(job_in_ready),
    .in_data_i(job_in),
    .out_valid_o(job_valid),
    .out_ready_i(job_ready),
    .out_data_o(job)
  );

  // Reader: beat_q counts the beats of the present burst, next_unit_q is where the next one starts.
  logic [LenBits-1:0] beat_q;
  logic [UnitBits-1:0] next_unit_q;
  logic [CreditBits-1:0] credits_q;
  logic last_beat, request, w_sent;
  logic [1:0] pipe_valid_q, pipe_last_q, pipe_half_q;

  assign last_beat = beat_q == job.len;
  assign rd_valid_o = job_valid && credits_q != '0;
  assign rd_addr_o = (beat_q == '0) ? job.first_unit : next_unit_q;
  assign request = rd_valid_o && rd_ready_i;
  assign job_ready = request && last_beat;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q <= '0;
      credits_q <= CreditBits'(DataDepth);
      pipe_valid_q <= '0;
    end else begin
      if (request) beat_q <= last_beat ? '0 : beat_q + 1'b1;
      if (request && !w_sent) credits_q <= credits_q - 1'b1;
      else if (w_sent && !request) credits_q <= credits_q + 1'b1;
      pipe_valid_q <= {pipe_valid_q[0], request};
    end
    if (request) next_unit_q <= rd_addr_o + 20'd2;
    pipe_last_q <= {pipe_last_q[0], last_beat};
    pipe_half_q <= {pipe_half_q[0], last_beat && job.half};
  end

  // W channel.
  beat_t data_in, data;
  logic data_in_ready;

  assign data_in = '{last: pipe_last_q[1], half: pipe_half_q[1], data: rd_data_i};

  fvgm_dma_fifo #(
    .Width($bits(beat_t)),
    .Depth(DataDepth)
  ) u_data (
    .clk_i,
    .rst_ni,
    .in_valid_i(pipe_valid_q[1]),
    .in_ready_o(data_in_ready),
    .in_data_i(data_in),
    .out_valid_o(m_axi_wvalid),
    .out_ready_i(m_axi_wready),
    .out_data_o(data)
  );

  assign m_axi_wdata = data.data;
  assign m_axi_wlast = data.last;
  assign m_axi_wstrb = {{16{!data.half}}, 16'hFFFF};
  assign w_sent = m_axi_wvalid && m_axi_wready;

  // B channel.
  assign m_axi_bready = 1'b1;
  assign retire = m_axi_bvalid;

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
    .retire_slot_i(m_axi_bid),
    .fail_i(retire && m_axi_bresp[1]),
    .fail_slot_i(m_axi_bid),
    .reject_i(burst_valid && burst.bad),
    .reject_addr_i(burst.addr),
    .done_o,
    .error_o,
    .error_addr_o,
    .open_cmds_o(open_cmds),
    .busy_o(slots_busy)
  );

  // A slot stays busy from the entry into the AW register until its response.
  assign idle_o = !slots_busy && (stop || !(split_busy || open_cmds));

  logic unused_fields;
  assign unused_fields = ^{m_axi_bresp[0], burst.buffer, burst.unit_step};

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(AwHeld, m_axi_awvalid && !m_axi_awready |=> m_axi_awvalid && $stable(m_axi_awaddr) &&
               $stable(m_axi_awlen) && $stable(m_axi_awid))
  `FVGM_ASSERT(AwPage, m_axi_awvalid |-> 13'(m_axi_awaddr[11:0]) + {m_axi_awlen[7:0], 5'b0} <
               13'd4096)
  `FVGM_ASSERT(AwAligned, m_axi_awvalid |-> m_axi_awaddr[4:0] == 5'd0)
  `FVGM_ASSERT(WHeld, m_axi_wvalid && !m_axi_wready |=> m_axi_wvalid && $stable(m_axi_wdata) &&
               $stable(m_axi_wlast) && $stable(m_axi_wstrb))
  `FVGM_ASSERT(DataHasRoom, pipe_valid_q[1] |-> data_in_ready)
  `FVGM_ASSERT(CommandFits, cmd_valid_i && cmd_ready_o |->
               cmd_i.buffer == BufV && cmd_i.unit_step == 20'd1)

endmodule
